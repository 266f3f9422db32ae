"""The outline of a JSON prompt: typed parts, times, and what each part is about."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.specs.outline import (
    OutlinePart,
    PartKind,
    TimeSpan,
    length_of,
    outline_in,
    outline_object,
    time_span_of,
)
from remote.protocol import Json

LEAVES = st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=8)
VALUES: st.SearchStrategy[Json] = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=5), VALUES, max_size=4)

PROMPT: dict[str, Json] = {
    "subjects": [
        {"description": "A tower crane", "number_of_subjects": 1, "clothing": ""},
        {"description": "A worker", "facing_camera": True},
    ],
    "lighting": {"conditions": "overcast", "direction": None},
    "style_medium": "film",
    "patterns": ["stripes", "dots"],
    "actions": [
        {"time": "0:00-0:03", "description": "It turns."},
        {"time": "0:03-0:07.5", "description": "It stops."},
    ],
    "segments": [{"segment_index": 1, "time_range": "0:01", "description": "Opening"}],
}


def parts_by_key(parts: tuple[OutlinePart, ...]) -> dict[str, OutlinePart]:
    return {part.key: part for part in parts}


def test_parts_have_the_types_of_their_values() -> None:
    parts = parts_by_key(outline_in(json.dumps(PROMPT)))
    assert list(parts) == list(PROMPT)
    assert parts["subjects"].kind is PartKind.LIST
    crane, worker = parts["subjects"].below
    assert [part.kind for part in crane.below] == [PartKind.TEXT, PartKind.NUMBER, PartKind.EMPTY]
    assert worker.below[1].kind is PartKind.FLAG
    assert parts["lighting"].kind is PartKind.GROUP
    assert parts["lighting"].below[1].kind is PartKind.EMPTY
    assert (parts["patterns"].text, parts["patterns"].below) == ("stripes, dots", ())


def test_a_part_is_named_in_words_and_tells_what_it_is_about() -> None:
    parts = parts_by_key(outline_object(PROMPT))
    assert parts["style_medium"].label == "style medium"
    assert [part.label for part in parts["subjects"].below] == ["1", "2"]
    assert [part.summary for part in parts["subjects"].below] == ["A tower crane", "A worker"]


def test_what_happens_is_named_by_its_time() -> None:
    parts = parts_by_key(outline_object(PROMPT))
    turns, stops = parts["actions"].below
    assert (turns.label, turns.text, turns.time) == ("0:00-0:03", "It turns.", TimeSpan(0, 3))
    assert (stops.key, stops.time, stops.below) == ("2", TimeSpan(3, 7.5), ())
    (opening,) = parts["segments"].below
    assert (opening.time, [part.key for part in opening.below]) == (
        TimeSpan(1, 1),
        ["segment_index", "description"],
    )
    assert length_of(outline_object(PROMPT)) == 7.5


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0:00-0:03", (0, 3)),
        ("00:05 – 01:10", (5, 70)),
        ("3s", (3, 3)),
        ("1.5 s to 4 s", (1.5, 4)),
        ("2-4", (2, 4)),
        ("at dusk", None),
        ("", None),
        ("0:00-", None),
    ],
)
def test_times_are_read_in_the_spellings_of_models(
    text: str, span: tuple[float, float] | None
) -> None:
    assert time_span_of(text) == (TimeSpan(*span) if span else None)


@pytest.mark.parametrize("prompt", ["A crane.", "[]", "{}", '{"a": ', "{a crane}"])
def test_a_text_that_is_no_object_has_no_outline(prompt: str) -> None:
    assert outline_in(prompt) == ()


@given(OBJECTS)
def test_every_value_is_in_the_outline_once_and_in_its_order(value: dict[str, Json]) -> None:
    leaves = [leaf.text for part in outline_object(value) for leaf in part.leaves()]
    said = [
        ""
        if each is None or each in ([], {})
        else each
        if isinstance(each, str)
        else json.dumps(each)
        for each in value.values()
        if not isinstance(each, (dict, list)) or not each
    ]
    rest = iter(leaves)
    assert all(text in rest for text in said)
