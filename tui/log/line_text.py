"""The parts of a log line as harmless text (its time, its level, whether it marks a gap), and their layout on
rows of the screen: a label, and the text cut or wrapped. No widgets.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.cells import cell_len, chop_cells

from backend.box.status_text import local_time
from backend.specs.quoting import printable
from tui.log.book import LINK, LogLine
from tui.text import cut, left

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
"""Escape sequences for colours and bold (SGR). They are removed; other escapes are spelled out."""
_LEFT_OUT = re.compile(r"\+[\d,]+ lines left out")
_GRAVE = {"warning": 1, "warn": 1, "error": 2, "critical": 2, "fatal": 2}
_SOURCE_CELLS = 7
_BOX_CELLS = 10

Span = tuple[int, int]
"""A range of characters: the first one, and the one after the last."""


class Times(StrEnum):
    """Which kind of time stands in front of each line."""

    CLOCK = "clock"
    AGO = "ago"
    NONE = "none"

    @property
    def next(self) -> Times:
        """The kind that follows this one; the first follows the last."""
        every = list(Times)
        return every[(every.index(self) + 1) % len(every)]


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


def clean(text: str) -> str:
    """Return `text` without colours, with everything else in it that does not print spelled out."""
    if text.isprintable() and "\ufe0f" not in text:
        return text
    return printable(_COLOURS.sub("", text).replace("\ufe0f", "").expandtabs(8))


def gravity(level: str) -> int:
    """Return 0 for information, 1 for a warning, 2 for an error."""
    return _GRAVE.get(level.lower(), 0)


def letter(level: str) -> str:
    """Return the level as one letter; a dot for an unknown level."""
    known = level.lower() in {"debug", "info", *_GRAVE}
    return level[0].upper() if known else "·"


def is_marker(line: LogLine) -> bool:
    """Whether the line marks a gap: the box left lines out, or the state of the link changed."""
    return line.source == LINK or (line.text.startswith("+") and bool(_LEFT_OUT.match(line.text)))


def stamp(line: LogLine, times: Times, now: float) -> str:
    """Return the time of the line, 8 cells wide; empty when times are not shown."""
    match times:
        case Times.CLOCK:
            return time.strftime("%H:%M:%S", local_time(line.time))
        case Times.AGO:
            return f"{_age(now - line.time):>8}"
        case Times.NONE:
            return ""


def plain(line: LogLine) -> str:
    """Return the whole line as it is copied and written to files: "2026-09-03 07:01:02 h100 warning vllm:
    text".
    """
    when = time.strftime("%Y-%m-%d %H:%M:%S", local_time(line.time))
    who = " ".join(clean(part) for part in (line.box, line.level, line.source) if part)
    return f"{when} {who}: {clean(line.text)}"


def _age(seconds: float) -> str:
    if not -1e9 < seconds < 1e9:  # NaN, too
        return "?"
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s ago"
    if whole < 3600:
        return f"{whole // 60} m ago"
    hours = whole // 3600
    return f"{hours} h ago" if hours < 100 else f"{hours // 24:,} d"


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
