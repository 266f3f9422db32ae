"""What is different between two prompts that are JSON objects, key by key."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.results.key_diff import (
    ComparedPart,
    KeyChange,
    compare_objects,
    compare_outlines,
    compare_prompts,
    different_values,
)
from backend.results.word_diff import DiffKind
from backend.specs.outline import outline_object
from remote.protocol import Json

LEAVES = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a red car", "a dog", ""])
VALUES: st.SearchStrategy[Json] = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4)
NOTHING: list[Json] = [None, "", [], {}]
"""The values that say nothing."""

Told = list[tuple[str, KeyChange, tuple[str, str]]]


def told(before: dict[str, Json], after: dict[str, Json]) -> Told:
    compared = compare_outlines(outline_object(before), outline_object(after))
    return [("/".join(path), part.change, part.values) for path, part in different_values(compared)]


def test_equal_keys_are_not_different_in_whatever_order_they_stand() -> None:
    before: dict[str, Json] = {"fps": 24, "lighting": {"conditions": "fog", "shadows": None}}
    after: dict[str, Json] = {"lighting": {"shadows": None, "conditions": "fog"}, "fps": 24}
    assert told(before, after) == []


def test_keys_are_changed_removed_and_added() -> None:
    before: dict[str, Json] = {"lighting": {"conditions": "fog"}, "fps": 24, "mood": "calm"}
    after: dict[str, Json] = {
        "lighting": {"conditions": "rain"},
        "fps": 24,
        "style": {"art": "ink"},
    }
    assert told(before, after) == [
        ("lighting/conditions", KeyChange.CHANGED, ("fog", "rain")),
        ("style/art", KeyChange.ADDED, ("", "ink")),
        ("mood", KeyChange.REMOVED, ("calm", "")),
    ]


def test_entries_of_a_list_are_paired_by_what_they_say() -> None:
    crane: Json = {"description": "A yellow tower crane", "pose": "upright"}
    worker: Json = {"description": "A worker in a red vest", "pose": "kneels"}
    kneels: Json = {"description": "A worker in a red vest", "pose": "stands"}
    dog: Json = {"description": "One small dog"}
    assert told({"subjects": [crane, worker]}, {"subjects": [kneels, dog, crane]}) == [
        ("subjects/1/pose", KeyChange.CHANGED, ("kneels", "stands")),
        ("subjects/2/description", KeyChange.ADDED, ("", "One small dog")),
    ]


def test_another_time_of_the_same_action_is_a_change() -> None:
    before: Json = [{"time": "0:00-0:03", "description": "It turns to the left."}]
    after: Json = [{"time": "0:00-0:05", "description": "It turns to the left."}]
    ((path, part),) = different_values(
        compare_outlines(outline_object({"actions": before}), outline_object({"actions": after}))
    )
    assert (path, part.change) == (("actions", "1"), KeyChange.CHANGED)
    assert (part.before and part.before.clock, part.part.clock) == ("0:00-0:03", "0:00-0:05")


def test_another_time_is_a_change_of_an_entry_that_says_more_than_one_thing_too() -> None:
    before: Json = [{"time": "0:00-0:02", "description": "It turns.", "actor": "the car"}]
    after: Json = [{"time": "0:00-0:04", "description": "It turns.", "actor": "the car"}]
    assert told({"actions": before}, {"actions": after}) == [
        ("actions/1/time", KeyChange.CHANGED, ("0:00-0:02", "0:00-0:04"))
    ]


@pytest.mark.parametrize(
    ("before", "after", "values"),
    [
        (5, "5", ("5", '"5"')),
        (5, [5], ("5", "[5]")),
        (5, {"b": 5}, ("5", '{"b": 5}')),
        (True, "true", ("true", '"true"')),
        ("a, b", ["a", "b"], ('"a, b"', '["a", "b"]')),
        ([1, 2], ["1", "2"], ("[1, 2]", '["1", "2"]')),
        ("fog", "fog\n", ('"fog"', '"fog\\n"')),
        ({}, {"time": "", "x": None}, ("{}", '{"time": "", "x": null}')),
    ],
)
def test_a_value_of_another_kind_that_says_the_same_is_a_change_spelled_as_json(
    before: Json, after: Json, values: tuple[str, str]
) -> None:
    assert told({"a": before}, {"a": after}) == [("a", KeyChange.CHANGED, values)]


@pytest.mark.parametrize("value", NOTHING)
def test_a_value_that_says_nothing_is_spelled_as_json_where_it_is_no_other_ones_same(
    value: Json,
) -> None:
    spelled = json.dumps(value)
    assert told({"a": value}, {"a": "fog"}) == [("a", KeyChange.CHANGED, (spelled, "fog"))]
    assert told({"a": value}, {}) == [("a", KeyChange.REMOVED, (spelled, ""))]
    for other in NOTHING:
        told_of_both = told({"a": value}, {"a": other})
        values = (spelled, json.dumps(other))
        assert told_of_both == ([] if other == value else [("a", KeyChange.CHANGED, values)])


def test_values_that_differ_where_they_are_not_shown_are_changes() -> None:
    long = "fog " * 5_000
    ((_, change, values),) = told({"a": f"{long}lifts"}, {"a": f"{long}stays"})
    assert (change, values[0][-7:], values[1][-7:]) == (KeyChange.CHANGED, ' lifts"', ' stays"')
    many: list[dict[str, Json]] = [
        {"a": [{"x": n} for n in range(1_600)], "end": end} for end in ("lifts", "stays")
    ]
    ((path, change, values),) = told(*many)
    assert (path, change) == ("…", KeyChange.CHANGED)
    assert values[0] != values[1]


def test_a_value_that_becomes_an_object_is_a_change_of_its_key() -> None:
    assert told({"a": "fog"}, {"a": {"b": "fog", "c": "rain"}}) == [
        ("a", KeyChange.CHANGED, ("fog", "fog; rain"))
    ]


def test_the_words_of_a_changed_value_are_compared() -> None:
    compared = compare_objects('{"a": "a red car"}', '{"a": "a blue car"}')
    assert compared is not None
    removed = [it.text for it in compared[0].words.original if it.change is DiffKind.REMOVED]
    assert removed == ["red"]


@pytest.mark.parametrize("prompts", [("A car.", '{"a": 1}'), ('{"a": 1}', "{}")])
def test_what_is_no_object_is_compared_as_a_whole(prompts: tuple[str, str]) -> None:
    assert compare_objects(*prompts) is None
    (part,) = compare_prompts(*prompts)
    assert (part.change, part.part.key, part.values) == (KeyChange.CHANGED, "prompt", prompts)


def test_long_lists_are_compared_place_by_place_in_little_time() -> None:
    values: list[Json] = [{"description": f"thing {n}", "x": n} for n in range(300)]
    assert told({"a": values}, {"a": values}) == []


@given(OBJECTS)
def test_a_prompt_is_not_different_from_itself(value: dict[str, Json]) -> None:
    compared = compare_outlines(outline_object(value), outline_object(value))
    assert list(different_values(compared)) == []


@given(OBJECTS, OBJECTS)
def test_objects_that_are_not_equal_are_different_and_no_two_lines_read_alike(
    before: dict[str, Json], after: dict[str, Json]
) -> None:
    are_equal = in_any_order(before) == in_any_order(after)
    different = told(before, after)
    assert (different == []) is are_equal
    for _, change, (first, second) in different:
        assert first.split() != second.split()
        assert (bool(first.strip()), bool(second.strip())) == (
            change is not KeyChange.ADDED,
            change is not KeyChange.REMOVED,
        )


def in_any_order(value: Json) -> str:
    """A text that is equal for values whose keys, or lists of more than words, are in another order."""
    match value:
        case dict():
            return f"{{{sorted((key, in_any_order(each)) for key, each in value.items())}}}"
        case list() if any(each is None or isinstance(each, (dict, list)) for each in value):
            return f"{sorted(map(in_any_order, value))}"
    return json.dumps(value)


@given(OBJECTS, OBJECTS)
def test_each_value_of_both_is_compared_once(
    before: dict[str, Json], after: dict[str, Json]
) -> None:
    outlines = outline_object(before), outline_object(after)
    compared = compare_outlines(*outlines)
    for side, outline in enumerate(outlines):
        leaves = Counter(leaf.text for part in outline for leaf in part.leaves() if leaf.text)
        assert Counter(texts_of(compared, side)) == leaves


def texts_of(parts: tuple[ComparedPart, ...], side: int) -> list[str]:
    """All values of one side, those of a part that is compared as a whole one by one."""
    found: list[str] = []
    for part in parts:
        own = (part.before, part.after)[side]
        if part.below:
            found += texts_of(part.below, side)
        elif own is not None:
            found += [leaf.text for leaf in own.leaves() if leaf.text]
    return found
