"""What is pointed at in JSON prompts: times, numbers of subjects and pinned values that cannot be right."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.generation import Generation
from backend.results.lints import Answered, LintKind, lint
from backend.sizes import Size
from remote.protocol import Json

CLIP = Generation("text2video", Size(1280, 720), "16,9", 24.0, 189 / 24)
"""Of 7.875 seconds: some say 7, others 8."""
IMAGE = Generation("text2image", Size(1280, 720), "16,9", 0.0, 0.0)


def said(
    answer: dict[str, Json], kind: LintKind, made: Generation | None = CLIP, prompt: str = ""
) -> list[str]:
    found = lint(Answered(prompt, json.dumps(answer), "stop", generation=made))
    return [it.message for it in found if it.kind is kind]


def actions(*times: str) -> dict[str, Json]:
    return {"actions": [{"time": time, "description": f"Part {time}"} for time in times]}


# --- times ---


def test_a_time_after_the_end_is_pointed_at_once_and_one_that_runs_backwards() -> None:
    late = actions("0:00-0:05", "0:05-0:09", "0:12")
    assert said(late, LintKind.TIME) == ["The clip ends at 0:08, before '0:05-0:09' and 1 more"]
    segments: dict[str, Json] = {"segments": [{"time_range": "1:00 - 1:02", "camera": "still"}]}
    assert said(segments, LintKind.TIME) == ["The clip ends at 0:08, before '1:00 - 1:02'"]
    backwards = actions("0:05-0:03")
    assert said(backwards, LintKind.TIME) == ["A time runs backwards: '0:05-0:03'"]
    assert said(backwards, LintKind.TIME, None) == ["A time runs backwards: '0:05-0:03'"]


def test_without_a_spec_the_object_itself_says_how_long_it_is() -> None:
    late = actions("0:00-0:07")
    too_short: list[Json] = ["5s", "0:05", 5, 5.9]
    for duration in too_short:
        assert said(late | {"duration": duration}, LintKind.TIME, None)
    others: list[Json] = ["6s", "0:07", 6, "", "7 or so", True, 0, -5, None, [5]]
    for duration in others:
        assert not said(late | {"duration": duration}, LintKind.TIME, None)


@pytest.mark.parametrize(
    "answer",
    [
        actions("0:00-0:03", "0:03-0:08", "0:07"),
        actions("at the end", "0:0", "", "00:00–00:07"),
        {"temporal_caption": "At 0:30 the sun has set.", "actions": []},
        {"signs": [{"time": "12:30 on a clock"}]},
        {"actions": [{"time": 90, "description": "x"}]},
    ],
)
def test_other_times_are_harmless(answer: dict[str, Json]) -> None:
    assert said(answer, LintKind.TIME) == []
    assert said(actions("0:30"), LintKind.TIME, IMAGE) == []


# --- subjects ---


def subjects(*descriptions: str, number: int | None = None) -> dict[str, Json]:
    given: dict[str, Json] = {} if number is None else {"number_of_subjects": number}
    return {"subjects": [{"description": text, **given} for text in descriptions]}


@pytest.mark.parametrize(
    ("prompt", "answer", "message"),
    [
        (
            "three red cars pass",
            subjects("A red car", "A second car"),
            "The prompt has three of 'car', and the subjects have 2",
        ),
        (
            "A street. 2 men talk",
            subjects("A tall man in a coat", "An old man", "A young man with a hat"),
            "The prompt has two of 'man', and the subjects have 3",
        ),
        (
            "two dogs",
            subjects("Dogs running on a beach", number=3),
            "The prompt has two of 'dog', and the subjects have 3",
        ),
        (
            "a yard",
            subjects("Two workers in vests", number=1),
            "A subject begins 'two workers in', and its number is 1",
        ),
    ],
)
def test_another_number_of_subjects_is_pointed_at(
    prompt: str, answer: dict[str, Json], message: str
) -> None:
    assert said(answer, LintKind.SUBJECTS, prompt=prompt) == [message]


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("three red cars pass", subjects("A red car", "A second car", "A blue car, far away")),
        ("three cars", subjects("A red car", "Cars at the kerb")),
        ("three cars", subjects("Cars at the kerb", number=3)),
        ("three cars", subjects("A group of vehicles", number=3)),
        ("two people walk", subjects("A man", "A woman", "A dog")),
        ("two cars and two more cars", subjects("A car")),
        ("two cars, later three cars", subjects("A car")),
        ("two other cars", subjects("A car")),
        ("two cars follow a red car", subjects("A car", "A car", "A red car")),
        ("two cars pass a dog", subjects("A dog watching two cars", "A car", "A car")),
        ("a car driver waits beside two cars", subjects("A car driver", "A car", "A car")),
        ("for 2 seconds, at 2 pm cars pass in 4K", subjects("A car")),
        ("a 16:9 frame, 2.5 cars, 30 cars, one car", subjects("A car", "A car")),
        ("both of his hands", subjects("Two hands on a cup", number=1)),
        ("a house", subjects("A two-story house", number=1)),
        ("a shelf", subjects("One of two boxes", number=1)),
        ("two cars", {"subjects": "two cars"}),
        ("two cars", {"subjects": ["a car", {"description": 3}, {}]}),
        ("zwei Hunde", subjects("A dog")),
        ("two cars", subjects()),
    ],
)
def test_what_may_be_the_same_number_is_harmless(prompt: str, answer: dict[str, Json]) -> None:
    assert said(answer, LintKind.SUBJECTS, prompt=prompt) == []


# --- pinned values ---


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            {"resolution": {"H": 704, "W": 1280}},
            "resolution is '1280 × 704', and the spec decides 1280 × 720",
        ),
        ({"aspect_ratio": "9:16"}, "aspect_ratio is '9:16', and the spec decides 16,9"),
        ({"duration": "5s"}, "duration is '5s', and the spec decides 0:07"),
        ({"fps": 30}, "fps is '30', and the spec decides 24"),
        (
            {"temporal_caption": "This 5-second clip opens on a quay."},
            "It speaks of '5-second clip', and the clip has 0:07",
        ),
        (
            {"context": "A twelve second long video"},
            "It speaks of 'twelve second long video', and the clip has 0:07",
        ),
    ],
)
def test_another_value_than_the_pinned_one_is_pointed_at(
    answer: dict[str, Json], message: str
) -> None:
    assert said(answer, LintKind.CONTRADICTION) == [message]


@pytest.mark.parametrize(
    "answer",
    [
        {
            "resolution": {"H": 720, "W": 1280},
            "aspect_ratio": "16:9",
            "duration": "7s",
            "fps": 24,
        },
        {"aspect_ratio": "1.78:1", "duration": "0:08", "fps": 23.976},
        {"aspect_ratio": "0,9", "resolution": "720p", "duration": "short", "fps": "many"},
        {"resolution": {"height": 704}, "fps": True, "duration": None},
        {"temporal_caption": "An 8-second video with a 3-second shot of the 5-second countdown."},
        {"resolution": {}, "aspect_ratio": ""},
    ],
)
def test_the_same_value_in_another_spelling_is_harmless(answer: dict[str, Json]) -> None:
    assert said(answer, LintKind.CONTRADICTION) == []


def test_of_an_image_and_of_what_nobody_knows_no_length_is_wrong() -> None:
    answer: dict[str, Json] = {"duration": "5s", "fps": 30, "a": "a 5-second video", "b": "16,9"}
    assert said(answer, LintKind.CONTRADICTION, IMAGE) == []
    assert said(answer, LintKind.CONTRADICTION, None) == []
    answer["a"] = "a 9-second video"
    assert said(answer, LintKind.CONTRADICTION, None) == [
        "It speaks of '9-second video', and the clip has 0:05"
    ]


VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(["two cars", "0:09-0:01", "9:0", "5s", 10**400]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["time", "description", "H", "W", "number_of_subjects"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(
            ["subjects", "actions", "duration", "fps", "resolution", "aspect_ratio", "x"]
        ),
        VALUES,
        max_size=5,
    ),
    st.sampled_from([CLIP, IMAGE, None]),
)
def test_any_object_can_be_looked_at(answer: dict[str, Json], made: Generation | None) -> None:
    for found in lint(Answered("two cars", json.dumps(answer), "stop", generation=made)):
        assert found.message.isprintable()
