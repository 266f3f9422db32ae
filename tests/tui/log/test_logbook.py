"""The ring of log lines: bounded, numbered, and never broken by what a line holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.events import BoxLog
from tui.log.book import LONGEST_LINE, MOST_CHARACTERS, MOST_LINES_OF_ONE, LogBook


def said(text: str, box: str = "h100") -> BoxLog:
    return BoxLog(box, 1.0, "info", "vllm", text)


@given(st.integers(1, 8), st.lists(st.text("a\n\r", max_size=6), max_size=30))
def test_the_ring_never_exceeds_its_size_and_keeps_numbers(most: int, texts: list[str]) -> None:
    book = LogBook(most)
    every: list[str] = []
    for text in texts:
        every += [line.text for line in book.hear(said(text))]
        assert len(book.lines) <= most
        assert book.count == len(every)
        assert book.first == max(0, len(every) - most)
    for since in range(-1, len(every) + 2):
        kept = [(n, text) for n, text in enumerate(every) if n >= max(since, book.first)]
        assert [(n, line.text) for n, line in book.since(since)] == kept
    for number, text in enumerate(every):
        line = book.line(number)
        assert (line.text if line else None) == (text if number >= book.first else None)


def test_a_text_of_several_lines_becomes_several_lines() -> None:
    book = LogBook()
    book.hear(said("Traceback:\r\n  File x\n\nValueError\n"))
    assert [line.text for line in book.lines] == ["Traceback:", "  File x", "", "ValueError"]


def test_a_line_of_100_mb_is_cut_and_says_so() -> None:
    book = LogBook()
    book.hear(said("x" * 100_000_000))
    (line,) = book.lines
    assert line.text.endswith(f" … and {100_000_000 - LONGEST_LINE:,} more characters")
    assert len(line.text) < LONGEST_LINE + 100


def test_a_text_of_a_million_lines_is_cut_and_says_so() -> None:
    book = LogBook()
    book.hear(said("ab\n" * 1_000_000))
    assert len(book.lines) == MOST_LINES_OF_ONE + 1
    more = 3 * (1_000_000 - MOST_LINES_OF_ONE) - 1
    assert book.lines[-1].text == f"… and {more:,} more characters"


def test_long_lines_make_room_before_memory_ends() -> None:
    book = LogBook()
    for _ in range(MOST_CHARACTERS // LONGEST_LINE + 100):
        book.hear(said("x" * LONGEST_LINE))
    assert sum(len(line.text) for line in book.lines) <= MOST_CHARACTERS
    assert book.first == 100


@pytest.mark.parametrize("names", [("a", "b", "a"), ("b", "a", "b")])
def test_boxes_are_known_in_the_order_in_which_they_spoke(names: tuple[str, ...]) -> None:
    book = LogBook()
    for name in names:
        book.hear(said("ready", name))
    assert tuple(book.boxes) == names[:2]
