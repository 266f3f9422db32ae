"""Marks the words of a prompt in the outline of a result that is a JSON object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backend.results.marked_text import MarkedPiece, marked_lines, marked_result
from backend.results.word_diff import diff_words
from backend.specs.outline import OutlinePart


@dataclass(frozen=True, slots=True)
class OutlineNode:
    """A part of an outline, with the words of the prompt marked in its value."""

    part: OutlinePart
    value: tuple[MarkedPiece, ...]
    """The value; empty when there are nodes below, or nothing is said."""
    below: tuple[OutlineNode, ...] = ()

    @property
    def label(self) -> str:
        """What stands before the value."""
        return self.part.label

    @property
    def count(self) -> str:
        """How many nodes are below, in words."""
        return "1 part" if len(self.below) == 1 else f"{len(self.below)} parts"


def mark_outline(parts: tuple[OutlinePart, ...], original: str) -> tuple[OutlineNode, ...]:
    """Return the outline with those words of its values marked that the original prompt has, too."""
    texts = [leaf.text for part in parts for leaf in part.leaves() if leaf.text]
    diff = diff_words(original, "\n".join(texts))
    lines = iter(marked_lines(marked_result(diff.result), texts))
    return tuple(_with_values(parts, lines))


def _with_values(
    parts: Iterable[OutlinePart], lines: Iterator[list[MarkedPiece]]
) -> Iterator[OutlineNode]:
    """Yield a node for each part. `lines` are the marked values that are not taken yet, in their order."""
    for part in parts:
        value = tuple(next(lines)) if part.text and not part.below else ()
        yield OutlineNode(part, value, tuple(_with_values(part.below, lines)))
