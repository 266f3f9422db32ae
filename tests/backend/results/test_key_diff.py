"""What is different between two prompts that are JSON objects, key by key."""

from __future__ import annotations

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

Told = list[tuple[str, KeyChange, tuple[str, str]]]


def told(before: dict[str, Json], after: dict[str, Json]) -> Told:
    compared = compare_outlines(outline_object(before), outline_object(after))
    return [("/".join(path), part.change, part.values) for path, part in different_values(compared)]


def test_equal_keys_are_not_different_in_whatever_order_they_stand() -> None:
    before: dict[str, Json] = {"fps": 24, "lighting": {"conditions": "fog", "shadows": ""}}
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


@pytest.mark.parametrize("after", ["5", [5], {"b": 5}, None])
def test_a_value_of_another_kind_is_a_change_though_it_says_the_same(after: Json) -> None:
    ((path, change, _),) = told({"a": 5}, {"a": after})
    assert (path, change) == ("a", KeyChange.CHANGED)


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
