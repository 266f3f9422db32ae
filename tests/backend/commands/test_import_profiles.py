"""Profiles made of a checkout of cosmos-framework. The checkout here has its layout, and words of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.commands.import_profiles import import_profiles
from backend.config import load_settings
from backend.config.profiles import load_profile, profiles_folder
from backend.config.profiles.fitting import profiles_by_kind
from backend.errors import ConfigError
from backend.planning.plan import Planner
from backend.planning.requests import make_request
from backend.sizes import Size
from backend.specs.model import Mode, Target
from backend.tokens import TextCounter
from backend.video import MediaKind, Video
from remote.protocol import Request

CLIENT = """
SIZES_OF_OTHERS = {name: 1 for name in "ab"}
RESOLUTION_RATIO_DICT: dict[str, object] = {"720": {"16,9": {"W": 1280, "H": 720}}}

def build_nl_description(prompt, *, resolution, aspect_ratio, duration=None, fps=None):
    params = [f"size {resolution}", f"ratio {aspect_ratio}"]
    if duration is not None:
        params.append(f"length {duration}")
    if fps is not None:
        params.append(f"rate {fps}")
    return f"{prompt.strip()}\\n\\nAsked: {', '.join(params)}."

def build_t2v_prompt_text(prompt, *, image_conditioned=False):
    intro = "From words"
    image_note = ""
    if image_conditioned:
        intro = "From a picture"
        image_note = "It costs $5."
    return intro
"""
TUNED = '''
import os
SYSTEM_MESSAGE = "You help."
_OBJECT = r"""{"a": 1}"""
_T2V = r"""Of {description}: {resolution_w} x {resolution_h}, {aspect_ratio}, {duration}, {fps}, for $5"""
_T2I = "Image of {description}"
_TRANSFER = "Answer with " + _OBJECT + "\\n\\n"
_TRANSFER_CONTROL_MODALITY_PHRASES = {"edge": "a line drawing", "world_scenario": "a map"}
_TRANSFER_INSTRUCTION_FAMILIES_V4_2 = {
    "t2v": ("Follow {ctrl}.\\n\\n", "unused"),
    "i2v": ("Begin so, follow {ctrl}.",),
    "v2v": ("Go on so, follow {ctrl}.",),
}
CANONICAL_TEMPLATES = {
    ("v4.2", "t2v"): _T2V, ("v4.2", "t2i"): _T2I, ("v4.2", "i2v"): _T2V, ("v4.2", "transfer"): _TRANSFER,
}
os.abort()
'''
DOUBLED = "a0 = 'abcdefgh'\n" + "".join(f"a{n + 1} = a{n} + a{n}\n" for n in range(64))
FILES = {
    "t2i_prompt.txt": "Draw $nl_description as $json_template of $resolution_ratio_dict\n",
    "t2i_json_schema.json": '{"image": ""}\n',
    "t2v_i2v_video_prompt.txt": "$intro: $nl_description $image_note $json_template\n",
    "t2v_i2v_video_json_schema.json": '{"video": ""}\n',
    "posttrained_i2v_prompt.txt": "Go on: $nl_description as $json_template\n",
    "posttrained_i2v_json_schema.json": '{"temporal_caption": ""}\n',
}
PICTURE = Video(Path("a.png"), MediaKind.IMAGE, Size(1280, 720), 0.0, 0.0, 1, "png")
CONTROL = Video(Path("e.mp4"), MediaKind.VIDEO, Size(832, 480), 10.0, 10.1, 101, "h264")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    inference = tmp_path / "cosmos_framework/inference"
    templates = inference / "prompting_templates/external_api"
    upsampler = tmp_path / "cosmos_framework/model/generator/upsampler"
    for folder in (templates, upsampler):
        folder.mkdir(parents=True)
    for name, text in FILES.items():
        (templates / name).write_text(text)
    (inference / "prompt_upsampling.py").write_text(CLIENT)
    (upsampler / "prompts.py").write_text(TUNED)
    return tmp_path


def asked(
    counter: TextCounter,
    profile: str,
    target: Target,
    videos: tuple[Video, ...] = (),
    names: str = "",
) -> Request:
    planner = Planner(load_settings({"upsampling": {"profile": profile}}).upsampling, counter)
    plan = planner.plan_read("tea for $1 {now}", videos, names=names, target=target)
    return make_request(plan, (), planner, "m", 0, 0)


def test_general_models_are_asked_in_the_words_of_the_files(
    checkout: Path, counter: TextCounter
) -> None:
    import_profiles(checkout, force=False)
    image = asked(counter, "cosmos-framework", Target(Mode.TEXT2IMAGE))
    sizes = '{\n  "720": {\n    "16,9": {\n      "H": 720,\n      "W": 1280\n    }\n  }\n}'
    described = "tea for $1 {now}\n\nAsked: size 720, ratio 16,9"
    assert image.prompt == f'Draw {described}. as {{"image": ""}} of {sizes}'
    assert image.system == "You help."
    video = asked(counter, "cosmos-framework", Target(Mode.TEXT2VIDEO))
    assert video.prompt == f'From words: {described}, length 7s, rate 24.  {{"video": ""}}'
    begun = asked(counter, "cosmos-framework", Target(Mode.IMAGE2VIDEO), (PICTURE,), "rgb")
    assert begun.prompt == (
        f'From a picture: {described}, length 7s, rate 24. It costs $5. {{"video": ""}}'
    )


def test_fine_tuned_models_are_asked_in_the_words_of_the_constants(
    checkout: Path, counter: TextCounter
) -> None:
    import_profiles(checkout, force=False)
    video = asked(counter, "cosmos-framework-tuned", Target(Mode.TEXT2VIDEO))
    assert video.prompt == "Of tea for $1 {now}: 1280 x 720, 16,9, 0:08, 24, for $5"
    for videos, names, words in [
        ((CONTROL,), "edge", "Follow a line drawing."),
        ((CONTROL, CONTROL), "edge+wsm", "Follow a line drawing and a map."),
        ((PICTURE, CONTROL), "rgb+edge", "Begin so, follow a line drawing."),
        ((CONTROL, CONTROL), "rgb+edge", "Go on so, follow a line drawing."),
    ]:
        made = asked(counter, "cosmos-framework-tuned", Target(Mode.TRANSFER), videos, names)
        assert made.prompt == f'Answer with {{"a": 1}}\n\n{words}\n\ntea for $1 {{now}}'


def test_posttrained_generators_are_asked_without_a_schema(
    checkout: Path, counter: TextCounter
) -> None:
    import_profiles(checkout, force=False)
    made = asked(
        counter, "cosmos-framework-posttrained", Target(Mode.IMAGE2VIDEO), (PICTURE,), "rgb"
    )
    assert made.prompt == 'Go on: tea for $1 {now} as {"temporal_caption": ""}'
    assert (made.system, made.schema) == ("", "")
    rules = load_profile("cosmos-framework-posttrained").answer
    assert (rules.unwrap, rules.negative_prompt) == (("final_prompt",), "negative_prompt")


def test_what_is_there_is_written_anew_only_when_that_is_wanted(checkout: Path) -> None:
    import_profiles(checkout, force=False)
    with pytest.raises(ConfigError, match="exists already"):
        import_profiles(checkout, force=False)
    import_profiles(checkout, force=True)


def test_a_schema_of_the_user_is_not_replaced_by_one_of_the_same_name(checkout: Path) -> None:
    own = profiles_folder() / "cosmos3-video.json"
    own.parent.mkdir(parents=True)
    own.write_text('{"type": "object"}')
    with pytest.raises(ConfigError, match=r"cosmos3-video\.json exists already"):
        import_profiles(checkout, force=False)
    assert own.read_text() == '{"type": "object"}'
    import_profiles(checkout, force=True)
    own.with_name("cosmos-framework.toml").unlink()
    for other in own.parent.glob("*.toml"):
        other.unlink()
    import_profiles(checkout, force=False)  # the schemas are those that it writes


def test_auto_takes_what_was_imported_for_the_modes_that_it_is_for(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import_profiles(checkout, force=False)
    taken = {kind: fitting.name for kind, fitting in profiles_by_kind().items()}
    assert taken == {
        "cosmos3": "cosmos3",
        "cosmos3:text2image": "cosmos-framework",
        "cosmos3:text2video": "cosmos-framework",
        "cosmos3:image2video": "cosmos-framework",
        "cosmos3:transfer": "cosmos-framework-tuned",
        "cosmos3:image2image": "cosmos3",
        "cosmos3:video2video": "cosmos3",
    }
    told = capsys.readouterr().err
    assert '"auto" takes cosmos-framework-tuned for cosmos3:transfer.' in told
    assert told.count('"auto" takes') == 2


def test_another_folder_is_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no checkout of cosmos-framework"):
        import_profiles(tmp_path, force=False)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("inference/prompt_upsampling.py", "def (", "is not as cosmos-framework has it"),
        ("inference/prompt_upsampling.py", "x = 1", "it has no RESOLUTION_RATIO_DICT"),
        ("model/generator/upsampler/prompts.py", "SYSTEM_MESSAGE = ''", "it has no CANONICAL"),
        ("inference/prompt_upsampling.py", DOUBLED, "a text in it is too long"),
        ("inference/prompt_upsampling.py", "x = " + "'a' + " * 9000 + "'a'", "is not as"),
        ("inference/prompt_upsampling.py", "x = {({1: 2},): 3}", "unhashable"),
        ("inference/prompting_templates/external_api/t2i_prompt.txt", "$other", "'other'"),
    ],
)
def test_a_checkout_of_another_version_is_told_so_and_nothing_is_written(
    checkout: Path, file: str, text: str, words: str
) -> None:
    (checkout / "cosmos_framework" / file).write_text(text)
    with pytest.raises(ConfigError, match=words):
        import_profiles(checkout, force=False)
    assert not profiles_folder().exists()
