"""What the shipped profiles ask, compared with what their models were made for, and `auto`.

The facts are those of NVIDIA/cosmos-framework, cosmos_framework/inference/prompt_upsampling.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import cast

import pytest

from backend.config import load_settings
from backend.config.profiles import load_profile
from backend.planning.orders import Batch, make_jobs
from backend.planning.plan import Planner
from backend.planning.requests import make_request
from backend.sizes import Size
from backend.specs.media import NO_MEDIA, choose_media
from backend.specs.model import Mode, Spec, SpecFormat, Target
from backend.specs.scan import scan
from backend.tokens import TextCounter
from backend.video import MediaKind, Video
from remote.protocol import Json

SUBJECT = {
    "description", "appearance_details", "relationship", "location", "relative_size", "orientation", "pose",
}  # fmt: skip
MOVES = {"action", "state_changes"}
PERSON = {
    "clothing", "expression", "gender", "age", "skin_tone_and_texture", "facial_features",
    "number_of_subjects", "number_of_arms", "number_of_legs",
}  # fmt: skip
TOP = {
    "subjects", "background_setting", "lighting", "aesthetics", "cinematography", "style_medium",
    "artistic_style", "context", "text_and_signage_elements",
}  # fmt: skip
IN_TIME = {"actions", "segments", "transitions"}
PINNED = {"resolution", "aspect_ratio"}
TOPS = {
    Mode.TRANSFER: TOP | IN_TIME,
    Mode.TEXT2VIDEO: TOP
    | IN_TIME
    | PINNED
    | {"temporal_caption", "audio_description", "duration", "fps"},
    Mode.IMAGE2VIDEO: TOP
    | IN_TIME
    | PINNED
    | {"temporal_caption", "audio_description", "duration", "fps"},
    Mode.TEXT2IMAGE: TOP
    | PINNED
    | {"subject_details", "quadrant_scan", "comprehensive_t2i_caption"},
}
SUBJECTS = {
    Mode.TRANSFER: SUBJECT | MOVES,
    Mode.TEXT2VIDEO: SUBJECT | MOVES | PERSON,
    Mode.IMAGE2VIDEO: SUBJECT | MOVES | PERSON,
    Mode.TEXT2IMAGE: SUBJECT | PERSON | {"number_of_hands", "number_of_fingers"},
}


def planner_of(counter: TextCounter, profile: str = "cosmos3", **others: object) -> Planner:
    return Planner(
        load_settings({"upsampling": {"profile": profile, **others}}).upsampling, counter
    )


def properties(shape: Json) -> Mapping[str, Json]:
    assert isinstance(shape, dict)
    inner = shape.get("properties")
    assert isinstance(inner, dict)
    assert shape["required"] == list(inner)
    assert shape["additionalProperties"] is False
    return inner


@pytest.mark.parametrize("mode", TOPS)
def test_the_schema_of_each_mode_has_the_keys_that_the_generator_knows(mode: Mode) -> None:
    schema = properties(cast(Json, json.loads(load_profile("cosmos3").schema_for(mode))))
    assert schema.keys() == TOPS[mode]
    subjects = schema["subjects"]
    assert isinstance(subjects, dict)
    assert properties(subjects["items"]).keys() == SUBJECTS[mode]
    camera = properties(schema["cinematography"]).keys()
    assert ("camera_motion" in camera) is (mode is not Mode.TEXT2IMAGE)
    assert ("patterns" in properties(schema["aesthetics"])) is (mode is not Mode.TRANSFER)


def test_it_samples_as_cosmos_framework_does_and_leaves_room_for_the_answer(
    counter: TextCounter,
) -> None:
    planner = planner_of(counter)
    plan = planner.plan("tea", NO_MEDIA, Target(Mode.TEXT2VIDEO))
    sampling = make_request(plan, (), planner, "m", 0, 0).sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.min_p) == (
        0.7,
        0.8,
        20,
        0,
    )
    assert (sampling.presence_penalty, sampling.repetition_penalty) == (1.5, 1.0)
    assert sampling.max_tokens >= 8192
    assert planner.settings.max_tokens >= 32_768


def test_a_transfer_names_the_pictures_of_its_source_and_of_each_control(
    counter: TextCounter,
) -> None:
    edge, depth = (
        Video(Path(f"{name}.mp4"), MediaKind.VIDEO, Size(832, 480), 10.0, 10.1, 101, "h264")
        for name in ("edge", "depth")
    )
    planner = planner_of(counter, frames_to_extract=2)
    plan = planner.plan_read("tea", (edge, depth), names="edge+depth", target=Target(Mode.TRANSFER))
    asked = make_request(plan, (), planner, "m", 0, 0)
    assert "Pictures 1 to 2: frames, in order, of the edge control (outlines" in asked.prompt
    assert "Pictures 3 to 4: frames, in order, of the depth control (the distance" in asked.prompt
    assert "832 x 480 pixels, aspect ratio 16,9, 10 frames a second, 10s long" in asked.prompt
    assert plan.budget is not None
    assert plan.budget.estimated


def test_times_of_a_short_clip_are_listed_for_the_model_server(counter: TextCounter) -> None:
    planner = planner_of(counter)
    plan = planner.plan("tea", NO_MEDIA, Target(Mode.TEXT2VIDEO, fps=10, num_frames=25))
    schema = make_request(plan, (), planner, "m", 0, 0).schema
    assert (
        '{"type":"string","description":"when, as 0:00-0:03","enum":["0:00-0:01","0:00-0:02",'
        in schema
    )
    assert '"0:02-0:03"]' in schema
    assert '"0:04' not in schema
    assert "clip-time" not in schema


def test_a_context_that_cannot_hold_it_is_refused_with_the_one_that_can(
    counter: TextCounter,
) -> None:
    plan = planner_of(counter, max_tokens=4096).plan("tea", NO_MEDIA, Target(Mode.TRANSFER))
    assert "raise max_tokens to 9,216 or more" in str(plan.refusal)


# --- auto ----------------------------------------------------------------------------------------


def put(folder: Path, name: str, /, **spec: object) -> Path:
    file = folder / name
    file.write_text(json.dumps(spec))
    return file


def specs_of_two_formats(folder: Path) -> tuple[Spec, ...]:
    put(folder, "a.json", model_mode="text2video", prompt="tea")
    put(folder, "b.json", prompt="dusk", name="b")
    return scan([folder], folder).specs


REMOTE = {"boxes": {"gpu": {"host": "gpu", "engine": "openai"}}, "box": "gpu"}


def test_auto_takes_the_profile_that_fits_the_format_of_each_spec(
    tmp_path: Path, counter: TextCounter
) -> None:
    specs = specs_of_two_formats(tmp_path)
    assert [spec.format for spec in specs] == [SpecFormat.COSMOS3, SpecFormat.PROMPT]
    settings = load_settings({**REMOTE, "upsampling": {"profile": "auto", "reserve": 9000}})
    planner = Planner(settings.upsampling, counter)
    plans = [planner.plan_spec(spec) for spec in specs]
    assert [plan.profile for plan in plans] == ["cosmos3", "transfer1"]
    assert [plan.budget and plan.budget.limit for plan in plans] == [32_768, 4096]
    assert [plan.budget and plan.budget.reserve for plan in plans] == [9000, 9000]
    assert [planner.plan_anew(plan).profile for plan in plans] == ["cosmos3", "transfer1"]
    batch = Batch("gpu", settings.boxes["gpu"], settings.upsampling, tmp_path / "out")
    queued = [json.loads(order.settings)["profile"] for order in make_jobs(specs, [], batch)]
    assert queued == ["cosmos3", "transfer1"]


def test_what_auto_queues_is_what_the_profile_itself_queues(tmp_path: Path) -> None:
    specs = specs_of_two_formats(tmp_path)[1:]
    keys = set()
    for profile in ("auto", "transfer1"):
        settings = load_settings({**REMOTE, "upsampling": {"profile": profile}})
        batch = Batch("gpu", settings.boxes["gpu"], settings.upsampling, tmp_path / "out")
        keys.add(make_jobs(specs, [], batch)[0].key)
    assert len(keys) == 1


def test_the_engine_sketch_is_asked_for_prose(tmp_path: Path, counter: TextCounter) -> None:
    settings = load_settings({"upsampling": {"profile": "auto"}})
    planner = Planner(settings.upsampling, counter)
    assert {planner.plan_spec(it).profile for it in specs_of_two_formats(tmp_path)} == {"transfer1"}


# --- the neighbours ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "asked", "frames"),
    [
        ("predict1-text", {"temperature": 0.01, "max_tokens": 512}, 0),
        ("reason2", {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "min_p": 0.0}, 4),
        ("wan-t2v", {"max_tokens": 512}, 0),
        ("wan-i2v", {"max_tokens": 512}, 1),
        ("wan-flf2v", {"max_tokens": 512}, 2),
    ],
)
def test_the_neighbours_are_asked_with_their_own_sampling_and_frames(
    counter: TextCounter, profile: str, asked: dict[str, float], frames: int
) -> None:
    planner = planner_of(counter, profile)
    clip = Video(Path("a.mp4"), MediaKind.VIDEO, Size(832, 480), 16.0, 5.0, 81, "h264")
    shown = choose_media(
        Spec(SpecFormat.PROMPT, Path("a.json"), 0, 1, "a", "tea", clip.path), planner.settings.media
    )
    videos = (clip,) if shown.video else ()
    plan = planner.plan_read("tea", videos, names=shown.names)
    made = make_request(plan, (), planner, "m", 0, 0)
    assert plan.frames == frames
    assert plan.refusal is None
    assert (made.prompt, made.schema) == ("tea", "")
    sampling = asdict(made.sampling)
    assert {name: sampling[name] for name in asked} == asked


def test_predict1s_text_model_fits_its_short_context_and_has_no_words_for_an_empty_prompt() -> None:
    planner = load_settings({"upsampling": {"profile": "predict1-text"}})
    assert planner.upsampling.max_tokens == 1024
    assert not planner.profile.template.empty_prompt
    assert not planner.profile.template.system


@pytest.mark.parametrize("profile", ["wan-i2v", "wan-flf2v"])
def test_wan_asks_for_at_most_a_hundred_words_about_what_changes(profile: str) -> None:
    asked = load_profile(profile).template
    assert "at most 100 words" in asked.system
    assert asked.empty_prompt
