"""Breaks an outline into lines of some width. No widgets."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from tui.text import cut

if TYPE_CHECKING:
    from tui.outline.shown_parts import ShownPart
    from tui.widgets.row_list import Piece

_INDENT = 2
_DEEPEST = 6
"""Levels that are indented; in a slim pane the text needs the room."""
_LEAST = 12
"""The least width of a value beside its label. Where there is less, it begins on the next line."""
_WORD = re.compile(r"\n|[^\S\n]*[^\s]+|[^\S\n]+")


@dataclass(frozen=True, slots=True)
class PlacedPart:
    """A part that is not within a folded one, with the lines that it takes."""

    part: ShownPart
    parent: int | None
    """The position of the part that it is below; None at the top."""
    first: int
    """Its first line, from 0."""
    count: int


@dataclass(frozen=True, slots=True)
class OutlineLines:
    """An outline in lines of some width."""

    lines: tuple[tuple[Piece, ...], ...]
    parts: tuple[PlacedPart, ...]
    """Every part that is seen, in the order of their lines; each has one line at least."""


def lay_out_outline(
    parts: Sequence[ShownPart], folded: Collection[tuple[str, ...]], width: int
) -> OutlineLines:
    """Return the lines of an outline, without those below the folded parts."""
    lines: list[tuple[Piece, ...]] = []
    placed: list[PlacedPart] = []

    def put(several: Sequence[ShownPart], depth: int, parent: int | None) -> None:
        for part in several:
            is_folded = part.path in folded
            own = list(_lines_of(part, depth, width, is_folded=is_folded))
            placed.append(PlacedPart(part, parent, len(lines), len(own)))
            lines.extend(own)
            if part.below and not is_folded:
                put(part.below, depth + 1, len(placed) - 1)

    put(parts, 0, None)
    return OutlineLines(tuple(lines), tuple(placed))


def wrap_pieces(pieces: Iterable[Piece], width: int, first: int | None = None) -> list[list[Piece]]:
    """Break pieces into lines of at most `width` cells, between words where that is possible.

    `first` is the width of the first line, where that is another one. Line ends in the pieces stay.
    """
    lines: list[list[Piece]] = [[]]
    left = width if first is None else first
    for text, style in pieces:
        for word in _WORD.findall(text):
            if word == "\n":
                lines.append([])
                left = width
                continue
            here = word
            if cell_len(here) > left and (lines[-1] or left < width):
                lines.append([])
                left, here = width, here.lstrip()
            while cell_len(here) > left:
                end = _end_of(here, left)
                _join(lines[-1], here[:end], style)
                here = here[end:]
                lines.append([])
                left = width
            left -= cell_len(here)
            _join(lines[-1], here, style)
    return lines


def _end_of(text: str, width: int) -> int:
    """Return how many characters of a text fit into so many cells; at least one."""
    end = cells = 0
    while end < len(text) and (cells := cells + cell_len(text[end])) <= width:
        end += 1
    return max(1, end)


def _join(line: list[Piece], text: str, style: str) -> None:
    """Add a text to a line, to its last piece where that has the same style."""
    if line and line[-1][1] == style:
        line[-1] = (line[-1][0] + text, style)
    elif text:
        line.append((text, style))


def _lines_of(
    part: ShownPart, depth: int, width: int, *, is_folded: bool
) -> Iterator[tuple[Piece, ...]]:
    indent = _INDENT * min(depth, _DEEPEST)
    glyph = ("▶ " if is_folded else "▼ ") if part.below else "  "
    room = max(1, width - indent - len(glyph))
    *above, label = wrap_pieces(part.label, room)
    for line in above:
        yield ((" " * indent + glyph, "glyph"), *line)
        glyph = " " * len(glyph)
    head: list[Piece] = [(" " * indent + glyph, "glyph"), *label]
    taken = sum(cell_len(text) for text, _ in label)
    if part.below:
        summary = cut(part.summary, max(0, room - taken - 2)) if is_folded else ""
        yield (*head, *([("  ", ""), (summary, "count")] if summary else []))
        return
    hanging = indent + len(glyph) + _INDENT
    within = max(1, width - hanging)
    beside = room - taken - 2
    for n, value in enumerate(part.values):
        if n == 0 and beside >= min(_LEAST, within):
            wrapped = wrap_pieces(value, within, beside)
            yield (*head, ("  ", ""), *wrapped[0])
            wrapped = wrapped[1:]
        else:
            if n == 0:
                yield tuple(head)
            wrapped = wrap_pieces(value, within)
        yield from ((((" " * hanging), ""), *line) for line in wrapped)
