"""How log lines read, whatever they hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.log.book import LogLine
from tui.log.line_text import (
    Shape,
    Times,
    clean,
    cut_row,
    is_marker,
    label,
    letter,
    plain,
    rows_of,
    stamp,
)


def line(text: str, level: str = "info", source: str = "vllm", time: float = 0.0) -> LogLine:
    return LogLine("h100", time, level, source, text)


@given(st.text())
def test_nothing_that_does_not_print_is_left(text: str) -> None:
    assert clean(text).isprintable()
    assert plain(line(text, text, text)).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m [/x]", "red [/x]"),
        ("\x1b[38:2::1:2:3mrgb\x1b[m", "rgb"),
        ("\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
        ("\x1b[2J\x1b[H", "\\x1b[2J\\x1b[H"),
        ("a\tb", "a       b"),
        ("\u202eesrever \ud83d", "\\u202eesrever \\ud83d"),
        ("50 %\r75 %", "50 %\\r75 %"),
    ],
)
def test_colours_go_and_other_escapes_are_spelled_out(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize("time", [float("nan"), float("inf"), -1e300, 1e300, -1.0, 0.0])
def test_a_box_may_tell_any_time(time: float) -> None:
    for times in Times:
        assert len(stamp(line("x", time=time), times, 5.0)) in {0, 8}


def test_levels_have_letters() -> None:
    assert [letter(level) for level in ("info", "warning", "ERROR", "debug", "weird", "")] == [
        *("I", "W", "E", "D", "·", "·"),
    ]


def test_gaps_are_markers() -> None:
    assert is_marker(line("+1,234 lines left out; all are in runner.log"))
    assert is_marker(line("live", source="link"))
    assert not is_marker(line("12 lines left out"))


@given(st.text("ab漢 ", max_size=60), st.integers(0, 40), st.integers(3, 30))
def test_a_cut_row_fits_and_its_matches_stay_on_their_words(
    text: str, start: int, room: int
) -> None:
    spans = [(n, n + 1) for n, c in enumerate(text) if c == "b"]
    part = cut_row(text, spans, start, room)
    assert cell_len(part.text) <= room
    assert all(part.text[begin:end] == "b" for begin, end in part.matches)
    if not start and cell_len(text) <= room:
        assert part.text == text


@given(st.text("ab漢 ", max_size=80), st.integers(3, 30), st.integers(1, 10))
def test_wrapped_rows_hold_the_whole_text(text: str, room: int, most: int) -> None:
    spans = [(n, n + 1) for n, c in enumerate(text) if c == "b"]
    rows = rows_of(text, spans, room, most)
    assert all(cell_len(row.text) <= room for row in rows)
    assert [row.is_first for row in rows] == [True] + [False] * (len(rows) - 1)
    for row in rows:
        assert all(row.text[begin:end] == "b" for begin, end in row.matches)
    if not rows[-1].text.endswith("…"):
        assert "".join(row.text for row in rows) == text
        assert sum(len(row.matches) for row in rows) == len(spans)


@given(st.text(max_size=12), st.text(max_size=12), st.booleans(), st.booleans())
def test_every_label_is_equally_wide(source: str, box: str, boxes: bool, sources: bool) -> None:
    for times in Times:
        shape = Shape(times, boxes, sources)
        words = label(LogLine(box, 1.0, source, source, "x"), shape, 2.0)
        assert cell_len("".join(words)) == shape.label_width
