"""Which fields of a JSON prompt count as empty, and how they are named."""

from __future__ import annotations

import json

from backend.results.lints import Answered, LintKind, lint


def said(answer: object) -> list[str]:
    found = lint(Answered("dusk", json.dumps(answer), "stop"))
    return [it.message for it in found if it.kind is LintKind.EMPTY]


def test_fields_without_a_value_are_named() -> None:
    answer = {"scene": "a long dusk", "light": " ", "camera": {}, "fps": 0}
    assert said(answer) == ["Empty: light, camera"]


def test_what_is_empty_deeper_down_may_be_meant() -> None:
    assert said({"subjects": [{"name": "a crane", "clothing": ""}]}) == []


def test_an_empty_list_says_that_there_is_none() -> None:
    assert said({"scene": "dusk", "transitions": [], "text_and_signage_elements": []}) == []


def test_of_many_some_are_named_and_the_others_counted() -> None:
    answer: dict[str, object] = {"scene": "dusk", "a": {}, "b": None, "c": "", "d": {}, "e": ""}
    assert said(answer) == ["Empty: a, b, c and 2 more"]


def test_a_full_object_and_prose_have_none() -> None:
    assert said({"scene": "a long dusk", "is_night": False}) == []
    assert said("{} stands for nothing") == []


def test_a_key_from_outside_is_told_harmlessly() -> None:
    assert said({"scene": "dusk", "\x1b[31m": ""}) == [r"Empty: \x1b[31m"]
