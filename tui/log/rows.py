"""The layout of one log line on rows of the screen: a label, and the text cut or wrapped. No widgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells

from tui.log.book import LogLine
from tui.log.line_text import Times, clean, letter, stamp
from tui.text import cut, left

_SOURCE_CELLS = 7
_BOX_CELLS = 10

Span = tuple[int, int]
"""A range of characters: the first one, and the one after the last."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Which parts the label in front of each text has."""

    times: Times
    boxes: bool
    """Whether the box is named."""
    sources: bool
    """Whether the source of the line is named."""

    @property
    def label_width(self) -> int:
        """How many cells the label takes."""
        time = 0 if self.times is Times.NONE else 9
        return time + 2 + (_BOX_CELLS + 1) * self.boxes + (_SOURCE_CELLS + 1) * self.sources


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a line's text that is on one row."""

    text: str
    matches: tuple[Span, ...]
    """The ranges in it that are highlighted."""
    is_first: bool = True
    """Whether the label stands in front of it."""


def label(line: LogLine, shape: Shape, now: float) -> tuple[str, str, str]:
    """Return time, level and source, which together take `shape.label_width` cells."""
    when = stamp(line, shape.times, now)
    box = left(cut(clean(line.box), _BOX_CELLS), _BOX_CELLS + 1) if shape.boxes else ""
    who = ""
    if shape.sources:
        who = left(cut(clean(line.source), _SOURCE_CELLS), _SOURCE_CELLS + 1)
    return when and left(when, 9), f"{letter(line.level)} ", box + who


def cut_row(text: str, matches: Sequence[Span], start: int, room: int) -> Part:
    """Return as much of `text` from cell `start` on as fits into `room`, with an … where something is
    missing.
    """
    front = 0
    if start:
        front = len(chop_cells(text, start)[0]) if cell_len(text) > start else len(text)
    lead = "…" if front else ""
    shown = cut(lead + text[front:], room)
    end = len(shown) - (1 if len(shown) < len(lead) + len(text) - front else 0)
    return Part(shown, _moved(matches, front - len(lead), len(lead), end))


def rows_of(text: str, matches: Sequence[Span], room: int, most: int) -> list[Part]:
    """Wrap `text` on rows of `room` cells, `most` of them, with an … where something is missing."""
    if room < 2 or cell_len(text) <= room:
        return [Part(text, tuple(matches))]
    rows: list[Part] = []
    at = 0
    pieces = chop_cells(text, room)
    for piece in pieces[:most]:
        is_cut = len(rows) == most - 1 and len(pieces) > most
        shown = piece[:-1] + "…" if is_cut else piece
        end = len(piece) - is_cut
        rows.append(Part(shown, _moved(matches, at, 0, end), is_first=not rows))
        at += len(piece)
    return rows


def _moved(matches: Sequence[Span], by: int, low: int, high: int) -> tuple[Span, ...]:
    """Move the ranges by `by` characters to the left, and cut them to those between `low` and `high`."""
    moved = ((max(low, begin - by), min(high, end - by)) for begin, end in matches)
    return tuple((begin, end) for begin, end in moved if begin < end)
