"""Names by a pattern: checked before they are made, safe, bounded, and no two alike."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.compose.pattern import (
    MOST_NAME_BYTES,
    NameParts,
    UniqueNames,
    default_pattern,
    parse_pattern,
    slug,
)
from backend.errors import InputError

any_text = st.text(max_size=100)
patterns = st.lists(
    st.sampled_from(
        ["{video}", "{prompt}", "{style}", "{n}", "{n:03}", "{prompt_n:2}", "_", "-x", "é"]
    ),
    min_size=1,
    max_size=8,
).map("".join)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("", "it is empty"),
        ("{videos}_{n}", "there is no field '{videos}'"),
        ("{}", "there is no field '{}'"),
        ("{n.__class__}", "there is no field '{n.__class__}'"),
        ("{n!r}", "there is no field '{n!r}'"),
        ("{n:s}", "the number of digits"),
        ("{n:999999}", "the number of digits"),
        ("{prompt:3}", "for numbers alone"),
        ("{n", "has no partner"),
        ("n}", "has no partner"),
        ("a/{n}", "--save-dir"),
        ("a\\{n}", "--save-dir"),
        ("../{n}", "the ending"),
        ("..", "the ending"),
        ("{n}.json", "the ending"),
        ("a b{n}", "Letters, digits"),
        ("a\x1b{n}", "Letters, digits"),
        ("a\u202e{n}", "Letters, digits"),
        ("-{n}", "options"),
        ("CON", "a device"),
        ("{video}" * 9, "bytes"),
    ],
)
def test_a_pattern_is_refused_with_what_is_wrong(pattern: str, problem: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_pattern(pattern)
    assert problem in str(refused.value)
    assert str(refused.value).isprintable() or "\n" in str(refused.value)


def test_an_unknown_field_is_told_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match=r"\{video\}, \{prompt\}, \{style\}, \{id\}, \{n\}"):
        parse_pattern("{clip}")


def test_a_name_holds_what_the_pattern_says() -> None:
    pattern = parse_pattern("{video}_{prompt}_{n:03}")
    parts = NameParts(
        7, prompt=slug("A car, in rain!", "prompt"), video=slug("Street 1.v2", "video")
    )
    assert pattern.name_for(parts) == "Street-1-v2_a-car-in-rain_007"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("../../etc/passwd", "etc-passwd"),
        (".hidden", "hidden"),
        ("--force", "force"),
        ("a\x00b\x1bc\nd", "a-b-c-d"),
        ("🚗🚗", "prompt"),
        ("", "prompt"),
        ("夜の雨", "夜の雨"),
        ("e\u0301te\u0301", "été"),
        ("हिन्दी में", "हिन्दी-में"),
        ("CON", "con"),
        ("\ud800half", "half"),
    ],
)
def test_words_become_safe(text: str, expected: str) -> None:
    assert slug(text, "prompt") == expected


def test_a_name_that_windows_keeps_for_a_device_is_changed() -> None:
    assert parse_pattern("{video}").name_for(NameParts(1, video=slug("NUL", "video"))) == "NUL_"


@settings(max_examples=30)
@given(patterns, any_text, any_text, any_text, st.integers(1, 10**9 - 1))
def test_every_name_is_safe_and_bounded(
    pattern: str, prompt: str, video: str, style: str, n: int
) -> None:
    try:
        parsed = parse_pattern(pattern)
    except InputError:
        return
    words = NameParts(
        n,
        prompt=slug(prompt, "prompt"),
        video=slug(video, "video"),
        style=slug(style, "style"),
    )
    name = parsed.name_for(words)
    assert 0 < len(name.encode()) <= MOST_NAME_BYTES + 1
    assert name[0] not in ".-"
    for character in name:
        assert character in "-_" or unicodedata.category(character)[0] in "LNM"


@given(st.lists(st.sampled_from(["a", "A", "a_2", "a_3", "ß", "ss", "SS", "a_2_2"]), max_size=40))
def test_no_two_names_are_alike_whatever_the_case(wanted: list[str]) -> None:
    names = UniqueNames()
    made = [names.unique(name) for name in wanted]
    assert len({name.casefold() for name in made}) == len(wanted)
    for name, first in zip(made, wanted, strict=True):
        assert name.startswith(first)


def test_many_equal_names_take_no_longer_each() -> None:
    names = UniqueNames()
    made = [names.unique("same") for _ in range(20_000)]
    assert made[:3] == ["same", "same_2", "same_3"]
    assert made[-1] == "same_20000"


@pytest.mark.parametrize("has_videos", [True, False])
@pytest.mark.parametrize("has_styles", [True, False])
def test_the_pattern_by_default_can_be_used(has_videos: bool, has_styles: bool) -> None:
    fields = parse_pattern(default_pattern(has_videos=has_videos, has_styles=has_styles)).fields
    assert ("video" in fields, "style" in fields) == (has_videos, has_styles)
