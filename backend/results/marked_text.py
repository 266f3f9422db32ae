"""Cuts a prompt and its result into pieces, so that the page can mark words and places in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from backend.results.lints import Span
from backend.results.word_diff import DiffKind, DiffPiece, says_something

MOST_CHARACTERS = 40_000
"""Characters of a text that the page shows. Results have a few thousand."""


class MarkedPiece(NamedTuple):
    """A piece of text that is marked in one way."""

    text: str
    is_marked: bool
    """In a result, that the prompt has the words; in a prompt, that no result has them."""
    is_linted: bool = False
    """Whether a lint points at it."""


def marked_original(pieces: Iterable[DiffPiece]) -> list[MarkedPiece]:
    """Return the prompt with its lost words marked."""
    return [
        MarkedPiece(piece.text, piece.change is DiffKind.REMOVED and says_something(piece.text))
        for piece in pieces
    ]


def marked_result(pieces: Iterable[DiffPiece], spans: Iterable[Span] = ()) -> list[MarkedPiece]:
    """Return the result with the words of the prompt and these spans marked."""
    linted = sorted(spans)
    edges = sorted({edge for span in linted for edge in span})
    found = []
    at = 0
    for text, is_kept in _kept_words(pieces):
        end = at + len(text)
        inner = [edge for edge in edges if at < edge < end] if edges else []
        for start, stop in pairwise([at, *inner, end]):
            is_linted = any(span.start <= start < span.end for span in linted)
            found.append(MarkedPiece(text[start - at : stop - at], is_kept, is_linted))
        at = end
    return found


def marked_lines(pieces: Iterable[MarkedPiece], texts: Sequence[str]) -> list[list[MarkedPiece]]:
    """Return the marked pieces of each of these texts, which joined by line ends are the whole text."""
    lines: list[list[MarkedPiece]] = [[] for _ in texts]
    n, left = 0, len(texts[0]) if texts else 0
    for piece in pieces:
        text = piece.text
        while text:
            here, text = text[:left], text[left:]
            if here:
                lines[n].append(piece._replace(text=here))
            left -= len(here)
            if text:
                # What follows is the line end before the next text.
                n, text = n + 1, text[1:]
                left = len(texts[n])
    return lines


def _kept_words(pieces: Iterable[DiffPiece]) -> Iterator[tuple[str, bool]]:
    """Yield the pieces, with the white space around kept words by itself: no line is drawn below it."""
    for piece in pieces:
        core = piece.text.strip()
        if piece.change is DiffKind.ADDED or not says_something(core):
            yield piece.text, False
            continue
        start = piece.text.index(core)
        around = (piece.text[:start], False), (core, True), (piece.text[start + len(core) :], False)
        yield from (part for part in around if part[0])
