"""Each part of a filter selects the right specs, and any typed text gives a filter."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.catalog.filter import TERMS, choose, haystack_of, parse_filter
from backend.errors import MediaError
from backend.planning.plan import Plan
from backend.sizes import Size
from backend.specs.model import Kind, Mode, Spec, SpecFormat, Target
from backend.store import State
from backend.tokens import Budget
from backend.video import MediaKind, Video


@dataclass
class Subject:
    """A spec with what is known of it."""

    spec: Spec
    plan: Plan | None = None
    state: State | None = None
    upsampled: bool = False
    is_result: bool = False
    haystack: str = field(init=False)
    kind: Kind = field(init=False)

    def __post_init__(self) -> None:
        self.haystack = haystack_of(self.spec)
        self.kind = self.spec.kind


def spec(
    name: str,
    prompt: str = "",
    format: SpecFormat = SpecFormat.TEXT,  # noqa: A002
    mode: Mode | None = None,
) -> Spec:
    return Spec(format, Path("a.json"), 0, 1, name, prompt, target=Target(mode))


def plan(vision: int, width: int = 640, height: int = 480) -> Plan:
    video = Video(Path("v.mp4"), MediaKind.VIDEO, Size(width, height), 24.0, 5.0, 121, "h264")
    return Plan("", video, video.size, 2, Budget(4096, 300, 10, vision), 0, None)


SUBJECTS = (
    Subject(spec("golden_hour", "Warm light on facades"), plan(3_000), State.DONE),
    Subject(spec("foggy_morning", "The street in FOG"), plan(3_500, 1280, 704), State.FAILED),
    Subject(
        spec("rain", "a rainy street, fits:no", SpecFormat.TRANSFER1, Mode.TRANSFER),
        plan(9_000, 960, 960),
    ),
    Subject(spec("gone"), Plan("", None, None, 0, None, 0, MediaError("gone", "")), State.RUNNING),
    Subject(spec("straße", "", SpecFormat.PREDICT2), upsampled=True),
)


def names(text: str) -> list[str]:
    found, _ = choose(parse_filter(text), SUBJECTS)
    return [subject.spec.name for subject in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["golden_hour", "foggy_morning", "rain", "gone", "straße"]),
        ("STREET", ["foggy_morning", "rain"]),
        ("street rain", ["rain"]),
        ("street -rain", ["foggy_morning"]),
        ("!street -gone", ["golden_hour", "straße"]),
        ('"rainy street"', ["rain"]),
        ('"street rainy"', []),
        ('"fits:no"', ["rain"]),
        ('"rain', ["rain"]),
        ("STRASSE", ["straße"]),
        ("fits:yes", ["golden_hour", "foggy_morning"]),
        ("fits:near", ["foggy_morning"]),
        ("fits:no", ["rain", "gone"]),
        ("-fits:no", ["golden_hour", "foggy_morning", "straße"]),
        ("format:transfer1", ["rain"]),
        ("mode:transfer", ["rain"]),
        ("-mode:t2v mode:transfer", ["rain"]),
        ("mode:t2v", []),
        ("-mode:transfer street", ["foggy_morning"]),
        ("res:1280x704", ["foggy_morning"]),
        ("res:1280×704", ["foggy_morning"]),
        ("res:480", ["golden_hour"]),
        ("res:>480", ["foggy_morning", "rain"]),
        ("res:>=480", ["golden_hour", "foggy_morning", "rain"]),
        ("res:<704", ["golden_hour"]),
        ("res:<=960x960", ["golden_hour", "rain"]),
        ("state:done", ["golden_hour"]),
        ("state:running", ["gone"]),
        ("state:new", ["rain", "straße"]),
        ("!state:new street", ["foggy_morning"]),
        ("upsampled:yes", ["straße"]),
        ("-upsampled:yes fits:yes", ["golden_hour", "foggy_morning"]),
        ("FITS:No rain", ["rain"]),
    ],
)
def test_what_matches(text: str, expected: list[str]) -> None:
    assert names(text) == expected


def test_names_with_the_letters_in_order_are_taken_only_where_no_spec_has_the_words() -> None:
    assert choose(parse_filter("gldhr"), SUBJECTS) == ([SUBJECTS[0]], True)
    assert choose(parse_filter("gldhr light"), SUBJECTS) == ([SUBJECTS[0]], True)
    assert choose(parse_filter("gldhr -light"), SUBJECTS) == ([], False)
    # "go" stands in two names as it is, so the letters of "foggy_morning" do not count.
    assert names("go") == ["golden_hour", "gone"]


@pytest.mark.parametrize(
    "text", ["fits:", "fits:maybe", "res:big", "res:0", "mode:video", "state:x", "fit:no"]
)
def test_a_term_that_makes_no_sense_filters_nothing_and_says_what_would(text: str) -> None:
    wanted = parse_filter(f"street {text}")
    assert len(wanted.problems) == 1
    assert any(how in wanted.problems[0] for how in (*TERMS.values(), "in quotes"))
    assert choose(wanted, SUBJECTS) == choose(parse_filter("street"), SUBJECTS)


def test_marks_are_left_to_who_has_them() -> None:
    assert parse_filter("marked:yes").marked is True
    assert parse_filter("-marked:yes").marked is False
    assert parse_filter("marked:yes").passes(SUBJECTS[0])


def test_it_is_known_what_a_filter_must_look_at() -> None:
    assert parse_filter("res:>480").needs_plans
    assert parse_filter("state:done").needs_history
    assert not parse_filter("rain format:text").needs_plans
    assert not parse_filter("rain fits:no").needs_history


PARTS = st.sampled_from(
    'r ra rain street go -rain -r !fog "a_r" fits:no -fits:no res:>480 state:new upsampled:yes '
    'format:text fits: x:y - " gldh'.replace("_", " ").split()
)
FILTERS = st.lists(PARTS, max_size=4).map(" ".join) | st.text(max_size=12)


@given(FILTERS)
def test_anything_can_be_typed(text: str) -> None:
    found, similar = choose(parse_filter(text), SUBJECTS)
    if not similar:
        assert found == [it for it in SUBJECTS if parse_filter(text).passes(it)]


@given(FILTERS, FILTERS)
def test_what_narrows_lets_nothing_else_pass(one: str, other: str) -> None:
    narrow, wide = parse_filter(one), parse_filter(other)
    if narrow.narrows(wide):
        assert all(wide.passes(it) for it in SUBJECTS if narrow.passes(it))


@given(FILTERS, st.text("abgr", max_size=2))
def test_typing_on_at_a_word_narrows(text: str, more: str) -> None:
    assert parse_filter(f"{text} street{more}").narrows(parse_filter(f"{text} street"))


@pytest.mark.parametrize(
    "term",
    [
        "fits:no",
        "format:text",
        "mode:transfer",
        "res:>480",
        "state:new",
        "upsampled:yes",
        "street",
        '"a r"',
    ],
)
def test_turned_round_a_part_takes_exactly_the_others(term: str) -> None:
    taken = names(term)
    assert taken
    for sign in "-!":
        assert set(names(sign + term)) == {it.spec.name for it in SUBJECTS} - set(taken)
