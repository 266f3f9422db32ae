"""JSON prompts as people read them: the same object, in lines, whatever was cut off or is wrong with it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.specs.json_prompts import LONGEST, answer_lines, lay_out, prompt_lines, said_in

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


def test_each_key_and_value_has_a_line_of_its_own() -> None:
    prompt = json.dumps({"subjects": [{"pose": "a, {b}"}, 3], "fps": 24, "none": [], "o": {}})
    assert lay_out(prompt) == (
        '{\n  "subjects": [\n    {\n      "pose": "a, {b}"\n    },\n    3\n  ],\n  "fps": 24,\n'
        '  "none": [],\n  "o": {}\n}'
    )


@given(st.dictionaries(st.text(max_size=6), VALUES, max_size=4), st.booleans())
def test_it_stays_the_same_object(value: dict[str, object], in_ascii: bool) -> None:
    shown = lay_out(json.dumps(value, ensure_ascii=in_ascii))
    assert json.loads(shown) == value
    assert lay_out(shown) == shown


def test_letters_are_shown_as_they_are_but_for_those_that_do_not_print() -> None:
    assert lay_out('{"a": "M\\u00f6we", "b": "\\u202e\\ud800"}') == (
        '{\n  "a": "Möwe",\n  "b": "\\u202e\\ud800"\n}'
    )


@pytest.mark.parametrize("end", range(0, 60, 7))
def test_an_object_that_is_still_written_is_laid_out_as_far_as_it_goes(end: int) -> None:
    whole = json.dumps({"subjects": [{"pose": "stands", "age": "\u00f6ld"}], "fps": 24})
    shown = lay_out(whole[:end])
    assert "".join(shown.split()) == "".join(whole[:end].replace("\\u00f6", "ö").split()) or (
        "\\u" in shown
    )


@pytest.mark.parametrize(
    "before", ["", "```json\n", "<think>Hm {}.</think>", "<think>\n</think>\n\n"]
)
def test_an_answer_is_laid_out_from_its_object_on(before: str) -> None:
    assert answer_lines(before + '{"a":1}\n```') == before + '{\n  "a": 1\n}\n```'
    assert answer_lines(before + '{"a') == before + '{\n  "a'
    assert answer_lines(before + "A car {1}.") == before + "A car {1}."


def test_text_that_is_no_object_stays_as_it_is() -> None:
    for text in ("A car, in rain.", "{a car}", '["a"]', '{"a": 1', "```\n{}"):
        assert prompt_lines(text) == text
    for text in ('{"a":1}', '```json\n{"a":1}\n```'):
        assert prompt_lines(text) == '{\n  "a": 1\n}'


def test_it_stays_bounded_whatever_the_text_is() -> None:
    deep = "[" * LONGEST + "x" * 10
    assert len(lay_out(deep)) < 40 * LONGEST
    assert lay_out(deep).endswith("x" * 10)
    assert len(lay_out('{"a": "' + "\\u00f6" * LONGEST)) < 7 * LONGEST


def test_what_a_prompt_says_is_its_values() -> None:
    assert said_in('{"a": ["b", 3, true], "c": {"d": "e", "f": null}}') == ["b", "3", "true", "e"]
    assert said_in("a red car") == ["a red car"]


def test_an_object_that_is_nested_as_deeply_as_can_be_read_says_something() -> None:
    for depth in range(200, 2_000, 50):
        deep = '{"a": ' + "[" * depth + '"b"' + "]" * depth + "}"
        assert said_in(deep) in (["b"], [deep])
