"""Which layer wins, and that a mistake is told with the layer, the key and what is wrong."""

from __future__ import annotations

import itertools
import json
import tomllib
from pathlib import Path

import pytest

from backend.box.setup import make_box
from backend.config import (
    BoxSettings,
    Estimator,
    Fit,
    Layer,
    Settings,
    Table,
    Upsampling,
    Vllm,
    check_layers,
    load_settings,
    queued_settings,
    said_max_tokens,
    settings_to_queue,
    shipped_text,
    user_file,
)
from backend.errors import ConfigError
from backend.video import FrameSampling
from remote.protocol import VllmSetup


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, without a config.toml."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_user_file(text: str) -> Path:
    file = user_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def write_local_file(text: str) -> Path:
    file = Path("config.toml").absolute()
    file.write_text(text, encoding="utf-8")
    return file


def complaint_about(**upsampling: object) -> str:
    with pytest.raises(ConfigError) as caught:
        check_layers([Layer("here", {"upsampling": upsampling})])
    return caught.value.problem


# --- layers --------------------------------------------------------------------------------------


def test_each_layer_wins_over_the_weaker_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    def sampling() -> FrameSampling:
        return load_settings().upsampling.frame_sampling

    assert sampling() is FrameSampling.UNIFORM  # shipped
    monkeypatch.setenv("UPSAMPLE_PROFILE", "transfer1-stock")
    assert sampling() is FrameSampling.FIRST  # the profile
    write_user_file('[upsampling]\nframe_sampling = "fps"\n')
    assert sampling() is FrameSampling.FPS
    write_local_file('[upsampling]\nframe_sampling = "uniform"\n')
    assert sampling() is FrameSampling.UNIFORM
    monkeypatch.setenv("UPSAMPLE_FRAME_SAMPLING", "first")
    assert sampling() is FrameSampling.FIRST
    line = load_settings({"upsampling": {"frame_sampling": "fps"}})
    assert line.upsampling.frame_sampling is FrameSampling.FPS


def test_a_layer_changes_only_what_it_names() -> None:
    write_user_file("[upsampling]\nmax_tokens = 8192\n")
    write_local_file("[upsampling]\nreserve = 100\n")
    upsampling = load_settings().upsampling
    assert (upsampling.max_tokens, upsampling.reserve) == (8192, 100)
    assert upsampling.safe_resolution == "320x180"


def test_a_profile_may_be_chosen_by_any_layer_and_the_users_own_settings_win_over_it() -> None:
    write_user_file('[upsampling]\nprofile = "transfer1-stock"\nauto_resize = true\n')
    upsampling = load_settings().upsampling
    assert upsampling.frame_sampling is FrameSampling.FIRST
    assert upsampling.auto_resize


def test_the_environment_names_the_box_and_every_key_of_upsampling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UPSAMPLE_BOX", "h100")
    monkeypatch.setenv("UPSAMPLE_MAX_TOKENS", "8192")
    monkeypatch.setenv("UPSAMPLE_AUTO_RESIZE", "false")
    monkeypatch.setenv("UPSAMPLE_MAX_UPSAMPLE_RESOLUTION", "480")
    settings = load_settings()
    assert settings.box == "h100"
    assert settings.upsampling.max_tokens == 8192
    assert not settings.upsampling.auto_resize
    assert settings.upsampling.bound.shorter == 480


# --- complaints ----------------------------------------------------------------------------------


def test_a_mistake_in_a_file_is_told_with_its_path() -> None:
    for write in (write_user_file, write_local_file):
        file = write("[upsampling]\nmax_tokens = 12\n")
        with pytest.raises(ConfigError) as caught:
            load_settings()
        assert caught.value.problem.startswith(f"{file}: upsampling.max_tokens = 12: ")
        assert "64" in caught.value.problem
        file.unlink()


def test_a_mistake_in_the_environment_is_told_with_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UPSAMPLE_FIT", "huge")
    with pytest.raises(ConfigError, match=r"^UPSAMPLE_FIT: upsampling\.fit = 'huge'") as caught:
        load_settings()
    assert "largest" in caught.value.problem


def test_a_variable_that_names_no_setting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSAMPLE_MAX_TOKEN", "1")
    with pytest.raises(ConfigError, match="UPSAMPLE_MAX_TOKEN in the environment names no setting"):
        load_settings()


def test_a_mistake_on_the_command_line_is_told_as_such() -> None:
    with pytest.raises(ConfigError, match=r"^the command line: .*frames_to_extract = 0"):
        load_settings({"upsampling": {"frames_to_extract": 0}})


def test_an_unknown_engine_is_told_with_its_layer_and_the_known_ones() -> None:
    file = write_user_file('[boxes.h100]\nhost = "gpu-box"\nengine = "vlm"\n')
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert caught.value.problem.startswith(f"{file}: boxes.h100.engine = 'vlm': ")
    assert "'vllm', 'openai', 'sketch', 'llama' or 'ray'" in caught.value.problem


def test_an_unknown_profile_is_told_with_its_layer_and_the_known_ones() -> None:
    file = write_user_file('[upsampling]\nprofile = "gpt"\n')
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert str(file) in caught.value.problem
    assert "transfer1, transfer1-stock" in caught.value.problem


def test_a_syntax_error_is_told_with_file_line_and_column() -> None:
    file = write_local_file("[upsampling]\nmax_tokens = = 3\n")
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert caught.value.problem.startswith(f"{file} is not TOML: ")
    assert "line 2, column 14" in caught.value.problem


def test_a_file_that_is_not_utf8_is_told_with_the_byte() -> None:
    write_local_file("").write_bytes(b'box = "\xff"')
    with pytest.raises(ConfigError, match="not UTF-8 at byte 7"):
        load_settings()


def test_a_folder_in_place_of_the_file_is_told() -> None:
    Path("config.toml").mkdir()
    with pytest.raises(ConfigError, match=r"config\.toml cannot be read: Is a directory"):
        load_settings()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"upsampling": {"max_token": 1}}, "upsampling.max_token is no setting"),
        ({"frames": 1}, "frames is no setting"),
        ({"boxes": {"h100": {"hots": ""}}}, "boxes.h100.hots is no setting"),
        ({"box_defaults": {"hots": ""}}, "box_defaults.hots is no setting"),
        ({"box_defaults": {"idle_timeout": 0}}, "box_defaults.idle_timeout = 0"),
        ({"box_defaults": 3}, "box_defaults = 3: it is a table"),
        ({"upsampling": "fast"}, "upsampling = 'fast': it is a table"),
        ({"boxes": {"h100": "gpu-box"}}, "boxes.h100 = 'gpu-box': it is a table"),
        ({"boxes": {"h100": {"idle_timeout": float("inf")}}}, "boxes.h100.idle_timeout = inf"),
        ({"boxes": {"h100": {"vllm": {"command": []}}}}, "boxes.h100.vllm.command = []"),
        ({"box": 3}, "box = 3"),
    ],
)
def test_what_is_wrong_is_told_with_the_key_as_the_user_wrote_it(table: Table, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_layers([Layer("here", table)])
    assert caught.value.problem.startswith(f"here: {words}")


def test_sizes_and_bounds_are_checked_where_they_are_written() -> None:
    assert "is not a size" in complaint_about(safe_resolution="320")
    assert "is not a greatest resolution" in complaint_about(max_upsample_resolution="big")


# --- values --------------------------------------------------------------------------------------


def test_a_bound_may_be_written_as_a_number() -> None:
    write_user_file("[upsampling]\nmax_upsample_resolution = 480\n")
    assert load_settings().upsampling.bound.shorter == 480


def test_the_folder_for_hint_videos_may_begin_with_home(own_home: Path) -> None:
    write_user_file('[upsampling]\nhint_video_dir = "~/hints"\n')
    assert load_settings().upsampling.hint_video_dir == own_home / "hints"


# --- boxes ---------------------------------------------------------------------------------------


def test_a_box_has_the_defaults_for_what_it_does_not_say() -> None:
    write_user_file(
        "[box_defaults]\nidle_timeout = 60\n"
        '[boxes.h100]\nhost = "gpu-box"\n[boxes.h100.vllm]\ntensor_parallel_size = 4\n'
    )
    name, box = load_settings().box_named("h100")
    assert (name, box.host, box.engine, box.idle_timeout) == ("h100", "gpu-box", "vllm", 60)
    assert (box.vllm.tensor_parallel_size, box.vllm.max_num_seqs) == (4, 16)


def test_the_command_line_changes_the_defaults_of_every_box() -> None:
    settings = load_settings({"box_defaults": {"vllm": {"tensor_parallel_size": 2}}})
    assert settings.boxes["local"].vllm.tensor_parallel_size == 2


def test_the_box_is_the_embedded_one_unless_another_is_named() -> None:
    name, box = load_settings().box_named(None)
    assert (name, box.host, box.engine) == ("local", "", "sketch")


def test_a_box_may_have_a_context_length_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    write_user_file(
        "[upsampling]\nmax_tokens = 6000\n"
        '[boxes.large]\nhost = "a"\nmax_tokens = 16384\n[boxes.small]\nhost = "b"\n'
    )
    for name, limit in (("local", 6000), ("small", 6000), ("large", 16384)):
        settings = load_settings({"box": name})
        assert settings.upsampling.max_tokens == settings.max_tokens_on(name) == limit
        assert (settings.max_tokens_on("small"), settings.max_tokens_on("large")) == (6000, 16384)
        assert make_setup("large", settings).max_model_len == 16384
        assert make_setup("small", settings).max_model_len == 6000

    monkeypatch.setenv("UPSAMPLE_MAX_TOKENS", "8192")
    settings = load_settings({"box": "large"})
    assert settings.upsampling.max_tokens == settings.max_tokens_on("small") == 8192
    assert make_setup("large", settings).max_model_len == 8192


def make_setup(name: str, settings: Settings) -> VllmSetup:
    setup = make_box(*settings.box_named(name), settings).setup.vllm
    assert setup is not None
    return setup


def test_the_server_tells_the_context_of_a_box_only_where_the_user_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    boxes = (
        '[boxes.asks]\nengine = "openai"\n[boxes.says]\nengine = "openai"\nmax_tokens = 8192\n'
        '[boxes.starts]\nengine = "vllm"\n'
    )
    write_user_file(boxes + '[upsampling]\nprofile = "reason1"\n')
    settings = load_settings()
    assert [name for name in settings.boxes if settings.follows_server_on(name)] == ["asks"]
    for said in ("[upsampling]\nmax_tokens = 4096\n", "[box_defaults]\nmax_tokens = 4096\n"):
        write_user_file(boxes + said)
        assert not load_settings().follows_server_on("asks")
    write_user_file(boxes)
    assert not load_settings({"upsampling": {"max_tokens": 4096}}).follows_server_on("asks")
    monkeypatch.setenv("UPSAMPLE_MAX_TOKENS", "4096")
    assert not load_settings().follows_server_on("asks")


@pytest.mark.parametrize(
    ("profile", "said", "told", "counted"),
    [
        ("transfer1", None, 0, 4096),
        ("reason1", None, 0, 16384),
        ("transfer1", None, 1024, 1024),
        ("transfer1", None, 32768, 32768),
        ("transfer1", 4096, 0, 4096),
        ("transfer1", 4096, 32768, 4096),
        ("transfer1", 4096, 1024, 1024),
        ("transfer1", None, 1, 64),
        ("transfer1", None, 1 << 60, 1 << 20),
    ],
)
def test_a_queued_job_is_counted_with_what_its_settings_say_or_else_with_what_the_server_tells(
    profile: str, said: int | None, told: int, counted: int
) -> None:
    changes: Table = {"profile": profile, "max_tokens": said or 4096}
    settings = check_layers([Layer("the test", {"upsampling": changes})]).upsampling
    queued = settings_to_queue(settings, follows_server=said is None)
    assert said_max_tokens(queued) == said
    assert queued_settings(queued, told) == settings.model_copy(update={"max_tokens": counted})


def test_a_context_of_a_box_that_is_too_short_for_anything_is_refused() -> None:
    write_user_file('[boxes.h100]\nhost = "a"\nmax_tokens = 10\n')
    with pytest.raises(ConfigError, match=r"boxes.h100.max_tokens .*64 tokens or more"):
        load_settings()


def test_an_unknown_box_lists_the_known_ones() -> None:
    write_user_file('[boxes.h100]\nhost = "gpu-box"\n')
    with pytest.raises(ConfigError, match="no box is named 'h200'; there are: h100, local"):
        load_settings().box_named("h200")


# --- the shipped file ----------------------------------------------------------------------------


def test_the_shipped_defaults_are_those_of_the_design() -> None:
    shipped = tomllib.loads(shipped_text())
    assert shipped["box"] == "local"
    assert shipped["upsampling"] == {
        "max_tokens": 4096,
        "reserve": 300,
        "frames_to_extract": 2,
        "frame_sampling": "uniform",
        "send": "frames",
        "frame_format": "auto",
        "jpeg_quality": 90,
        "safe_resolution": "320x180",
        "auto_resize": True,
        "fit": Fit.LARGEST,
        "max_upsample_resolution": "",
        "hint_video_dir": "./inputs/hint_videos",
        "media": "rgb",
        "system_prompt": "",
        "answer_language": "",
        "enforce_budget": True,
        "profile": "auto",
        "estimator": Estimator.EXACT,
    }
    assert shipped["box_defaults"] == {
        "host": "",
        "root": "~/.cache/upsample",
        "engine": "vllm",
        "model": "",
        "max_tokens": 0,
        "idle_timeout": 900,
        "keep_days": 30,
        "first_token_timeout": 300,
        "next_token_timeout": 60,
        "vllm": {
            "command": ["vllm", "serve"],
            "tensor_parallel_size": 1,
            "data_parallel_size": 1,
            "gpu_memory_utilization": 0.9,
            "max_num_seqs": 16,
            "cuda_visible_devices": "",
            "env": {},
        },
        "openai": {
            "base_url": "",
            "api_key_env": "",
            "ca_file": "",
            "slots": 8,
            "price_in": 0.0,
            "price_out": 0.0,
            "spend_limit": 0.0,
        },
        "llama": {"python": "", "mmproj": "", "slots": 2, "context": 0},
        "ray": {"address": "", "replicas": 0, "replica": "vllm", "python": "python3"},
    }


def test_every_shipped_setting_has_a_comment_above() -> None:
    lines = shipped_text().splitlines()
    bare = [
        line
        for above, line in itertools.pairwise(lines)
        if " = " in line and not line.startswith("#") and not above.startswith(("#", "[boxes."))
    ]
    assert bare == []


def test_no_default_is_written_in_the_code() -> None:
    for section in (Upsampling, BoxSettings, Vllm, Settings):
        assert all(field.is_required() for field in section.model_fields.values())


def test_the_shipped_file_in_the_working_directory_is_no_wish_of_the_users() -> None:
    Path("config.toml").write_text(shipped_text())
    write_user_file("[upsampling]\nmax_tokens = 8192\n")
    assert load_settings().upsampling.max_tokens == 8192


def test_the_settings_outlive_the_working_directory(folder: Path) -> None:
    write_user_file("[upsampling]\nmax_tokens = 8192\n")
    folder.rmdir()
    assert load_settings().upsampling.max_tokens == 8192


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a b", "$(x)", "a;b", "`x`", "a\nb", "a|b"])
def test_a_host_is_no_option_and_no_command(host: str) -> None:
    write_user_file(f"[boxes.h100]\nhost = {json.dumps(host)}\n")
    with pytest.raises(ConfigError, match=r"boxes\.h100\.host"):
        load_settings()


@pytest.mark.parametrize(
    "host", ["gpu-box", "ada@10.0.0.1:2222", "[::1]:22", "fe80::1%eth0", "höst"]
)
def test_every_way_to_write_a_host_is_taken(host: str) -> None:
    write_user_file(f"[boxes.h100]\nhost = {json.dumps(host)}\n")
    assert load_settings().boxes["h100"].host == host


@pytest.mark.parametrize("name", ["\x1b]52;c;eA==\x07", "a\nb", "", " "])
def test_a_box_has_a_name_that_can_be_shown(name: str) -> None:
    write_user_file(f"[boxes.{json.dumps(name)}]\nhost = 'gpu-box'\n")
    with pytest.raises(ConfigError, match="a box cannot be named") as caught:
        load_settings()
    assert caught.value.problem.isprintable()


@pytest.mark.parametrize("name", ["all", "h100,a100", ","])
def test_no_box_has_a_name_that_would_choose_several(name: str) -> None:
    write_user_file(f"[boxes.{json.dumps(name)}]\nhost = 'gpu-box'\n")
    with pytest.raises(ConfigError, match="a box cannot be named") as caught:
        load_settings()
    assert "Give it another name" in str(caught.value)
    assert str(user_file()) in str(caught.value)


@pytest.mark.parametrize(
    ("written", "chosen"),
    [
        ('"h100"', ["h100"]),
        ('"h100,a100"', ["h100", "a100"]),
        ('"h100, a100, h100"', ["h100", "a100"]),
        ('["a100", "h100"]', ["a100", "h100"]),
        ('["h100"]', ["h100"]),
        ('"all"', ["h100", "a100"]),
    ],
)
def test_several_boxes_are_chosen_as_a_list_or_with_commas(written: str, chosen: list[str]) -> None:
    of_boxes = "[boxes.h100]\nhost = 'one'\nmax_tokens = 8192\n[boxes.a100]\nhost = 'two'\n"
    write_user_file(f"box = {written}\n{of_boxes}")
    settings = load_settings()
    assert list(settings.fleet) == chosen
    assert settings.box == chosen[0]
    assert settings.upsampling.max_tokens == settings.max_tokens_on(chosen[0])
    assert list(load_settings({"box": "a100"}).fleet) == ["a100"]
    assert list(load_settings({"box": "all"}).fleet) == ["h100", "a100"]


def test_without_a_host_anywhere_all_boxes_are_the_embedded_ones() -> None:
    assert list(load_settings({"box": "all"}).fleet) == ["local"]


@pytest.mark.parametrize("written", ["[]", "[1]", '["h100", ""]', "1"])
def test_what_names_no_boxes_is_refused(written: str) -> None:
    write_user_file(f"box = {written}\n[boxes.h100]\nhost = 'one'\n")
    with pytest.raises(ConfigError, match="box = "):
        load_settings()


def test_one_unknown_box_among_several_is_named() -> None:
    with pytest.raises(ConfigError, match="no box is named 'h100'"):
        _ = load_settings({"box": "local,h100"}).fleet


def test_a_model_is_no_option() -> None:
    write_user_file('[boxes.h100]\nmodel = "--trust-remote-code"\n')
    with pytest.raises(ConfigError, match=r"boxes\.h100\.model"):
        load_settings()


@pytest.mark.parametrize("root", ["~nosuch/x", "relative", ""])
def test_a_root_is_written_from_the_top_or_from_home(root: str) -> None:
    write_user_file(f'[boxes.h100]\nroot = "{root}"\n')
    with pytest.raises(ConfigError, match=r"boxes\.h100\.root"):
        load_settings()


def test_a_limit_of_what_is_spent_needs_a_price() -> None:
    write_user_file("[boxes.net.openai]\nspend_limit = 5\n")
    with pytest.raises(ConfigError, match=r"boxes\.net\.openai\.spend_limit.*needs price_in"):
        load_settings()
    write_user_file("[boxes.net.openai]\nspend_limit = 5\nprice_out = 0.6\n")
    assert load_settings().boxes["net"].openai.price_out == 0.6
