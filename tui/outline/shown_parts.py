"""What an outline shows of each part: of a prompt, and of two prompts that are compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.results.key_diff import ComparedPart, KeyChange, different_values
from backend.results.word_diff import DiffKind, DiffPiece, says_something
from backend.specs.outline import OutlinePart, TimeSpan, length_of
from tui.text import one_line, paragraphs
from tui.widgets.row_list import Piece

if TYPE_CHECKING:
    from backend.results.marked_outline import OutlineNode

Value = tuple[Piece, ...]
"""A value in pieces, each with the name of its style."""

_BAR = 10
"""Cells of the time line before what happens."""
_STYLES = {KeyChange.REMOVED: "removed", KeyChange.ADDED: "added"}


@dataclass(frozen=True, slots=True)
class ShownPart:
    """A part of an outline, as it is drawn."""

    path: tuple[str, ...]
    """The keys that lead to it. A part that was folded is known by them."""
    label: Value
    values: tuple[Value, ...]
    """The values below one another; two where they are compared."""
    below: tuple[ShownPart, ...] = ()
    summary: str = ""
    """What a part that is folded says of the parts below it, in one line."""


def shown_outline(nodes: Sequence[OutlineNode], path: tuple[str, ...] = ()) -> list[ShownPart]:
    """Return the parts of an outline. What happens in it is drawn on a time line."""
    return _outline(nodes, path, length_of(node.part for node in nodes))


def shown_comparison(parts: Sequence[ComparedPart]) -> list[ShownPart]:
    """Return the parts of two prompts that are compared, the values of both below one another where they
    differ.
    """
    return [_compared(part, ()) for part in parts]


def time_bar(time: TimeSpan, length: float, cells: int = _BAR) -> Iterator[Piece]:
    """Draw when something happens within a clip of so many seconds."""
    first = min(cells - 1, int(time.begin / length * cells)) if length else 0
    end = math.ceil(time.end / length * cells) - 1 if length else 0
    last = min(cells - 1, max(first, end))
    for text, style in (
        ("·" * first, "track"),
        ("━" * (last - first + 1), "time"),
        ("·" * (cells - 1 - last), "track"),
    ):
        if text:
            yield text, style


def _outline(nodes: Iterable[OutlineNode], path: tuple[str, ...], length: float) -> list[ShownPart]:
    return [_shown(node, (*path, node.part.key), length) for node in nodes]


def _shown(node: OutlineNode, path: tuple[str, ...], length: float) -> ShownPart:
    part = node.part
    label: list[Piece] = [(one_line(part.label), "label")]
    if part.time is not None:
        label += [(" ", ""), *time_bar(part.time, length)]
    if node.below:
        label.append((f"  {node.count}", "count"))
    value = tuple(
        (paragraphs(piece.text), "kept" if piece.is_marked else "value") for piece in node.value
    )
    return ShownPart(
        path,
        tuple(label),
        () if node.below else (value or (("–", "count"),),),
        tuple(_outline(node.below, path, length)),
        one_line(part.summary) if node.below else "",
    )


def _compared(compared: ComparedPart, path: tuple[str, ...]) -> ShownPart:
    part = compared.part
    # An entry of a list that only the first prompt has may have the position of another one.
    here = (*path, f"{'−' if compared.after is None else ''}{part.key}")
    label: list[Piece] = [(one_line(part.label), _STYLES.get(compared.change, "label"))]
    if compared.below:
        different = sum(1 for _ in different_values((compared,)))
        label.append((f"  {different} different" if different else "  the same", "count"))
    return ShownPart(
        here,
        tuple(label),
        () if compared.below else tuple(_values(compared)),
        tuple(_compared(one, here) for one in compared.below),
        one_line(part.summary) if compared.below else "",
    )


def _values(compared: ComparedPart) -> Iterator[Value]:
    if compared.change is KeyChange.SAME:
        yield ((paragraphs(compared.values[0]) or "–", "same"),)
        return
    words = compared.words
    for sign, style, side, pieces in (
        ("− ", "removed", compared.before, words.original),
        ("+ ", "added", compared.after, words.result),
    ):
        if side is not None:
            yield ((sign, style), *_clock(side, compared), *_marked(pieces, style))


def _clock(side: OutlinePart, compared: ComparedPart) -> Iterator[Piece]:
    """Yield the time of one side where the two are not the same."""
    sides = compared.before, compared.after
    if len({one.clock for one in sides if one is not None}) > 1:
        yield f"{one_line(side.clock)}  ", "count"


def _marked(pieces: Sequence[DiffPiece], style: str) -> Iterator[Piece]:
    """Yield the words of one side, with those marked that the other side does not have."""
    if not pieces:
        yield "–", "count"
    for piece in pieces:
        is_own = piece.change in (DiffKind.REMOVED, DiffKind.ADDED) and says_something(piece.text)
        yield paragraphs(piece.text), style if is_own else "value"
