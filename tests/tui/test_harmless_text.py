"""Texts from files on the screen: harmless, and exactly as wide as they are meant to be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.text import (
    LONGEST_TEXT,
    cut,
    cut_apart,
    cut_middle,
    left,
    one_line,
    paragraphs,
    right,
    short_path,
)

ANY_TEXT = st.text(st.characters(codec=None), max_size=40)


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\nb", "\u202egnp.exe", "half \ud83d", "\x9b2J"])
def test_what_does_not_print_is_spelled_out(text: str) -> None:
    assert one_line(text).isprintable()
    assert paragraphs(text).replace("\n", "").isprintable()


def test_paragraphs_keep_their_line_breaks() -> None:
    assert paragraphs("one\r\ntwo\n\n\tthree") == "one\ntwo\n\n    three"


def test_a_huge_prompt_says_how_much_of_it_is_missing() -> None:
    assert paragraphs("x" * (LONGEST_TEXT + 7)).endswith("x\n… and 7 more characters")


def test_a_path_is_shown_as_the_user_would_write_it() -> None:
    assert short_path(Path("/home/me/clips/a.mp4"), Path("/home/me")) == "clips/a.mp4"
    assert short_path(Path("/other/a.mp4"), Path("/home/me")) == "/other/a.mp4"


@given(ANY_TEXT, st.integers(0, 30))
def test_columns_are_exactly_as_wide_as_asked(text: str, width: int) -> None:
    shown = one_line(text)
    assert cell_len(left(shown, width)) == width
    assert cell_len(right(shown, width)) == width
    assert cell_len(cut(shown, width)) <= width
    assert cell_len(cut_middle(shown, width)) <= width
    assert cell_len(cut_apart(shown, width, [shown + shown])) <= width


def test_names_that_would_look_the_same_are_cut_before_the_place_where_they_differ() -> None:
    names = [f"inference_cosmos_transfer1_single_control_{c}_short_prompt" for c in ("edge", "seg")]
    assert cut_middle(names[0], 26) == cut_middle(names[1], 26)
    assert [cut_apart(each, 26, names) for each in names] == [
        "inferenc…edge_short_prompt",
        "inference…seg_short_prompt",
    ]
    assert cut_apart(names[0], 12, names) == "infe…edge_s…"
    assert cut_apart(names[0], 26, ["inference", names[0]]) == cut_middle(names[0], 26)
    assert cut_apart("short", 26, names) == "short"


def test_a_long_name_keeps_both_ends() -> None:
    assert cut("weather_in_the_city_12", 9) == "weather_…"
    assert cut_middle("weather_in_the_city_12", 9) == "weat…y_12"
    assert cut_middle("漢字漢字漢字漢字", 9) == "漢字…漢字"
