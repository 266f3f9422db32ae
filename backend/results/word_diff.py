"""The difference between a prompt and its result, word by word.

A prompt of ten words becomes one of two hundred, so the added words do not matter much. What matters is
which words are still there and which are lost. Words that are there in another order are not lost.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import NamedTuple

MOST_WORDS = 1_500
"""How many words of each text are compared. Those beyond count as removed and added."""

MOST_PAIRS = 40_000
"""How many pairs of equal words are compared, one in each text. Two texts of 1,500 words have about so
many. The time grows with them, and a model that repeats itself makes millions."""

# Chinese and Japanese write no spaces, so there each character is a word.
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+(?:['’-][^\W{_CJK}]+)*|[^\w\s]")
_LITTLE = frozenset(
    {
        *("a", "an", "the", "and", "or", "but", "of", "in", "on", "at", "to", "by", "for", "from"),
        *("with", "over", "into", "onto", "as", "is", "are", "was", "were", "be", "its", "it"),
        *("this", "that", "these", "those", "his", "her", "their", "there", "which", "while"),
    }
)


class DiffKind(StrEnum):
    """What happened to a piece of text between the original and the result."""

    KEPT = "kept"
    MOVED = "moved"
    """The other text has these words too, but in another place."""
    REMOVED = "removed"
    ADDED = "added"


class DiffPiece(NamedTuple):
    """A piece of text to which one thing happened."""

    text: str
    change: DiffKind


@dataclass(frozen=True, slots=True)
class WordDiff:
    """Both texts in pieces. The pieces joined are the texts."""

    original: tuple[DiffPiece, ...]
    """Pieces that were kept, moved or removed."""
    result: tuple[DiffPiece, ...]
    """Pieces that were kept, moved or added."""

    @property
    def lost(self) -> int:
        """How many words of the original are nowhere in the result. Little words do not count."""
        return _count(self.original, DiffKind.REMOVED)

    @property
    def added(self) -> int:
        """How many words of the result are nowhere in the original. Little words do not count."""
        return _count(self.result, DiffKind.ADDED)

    @property
    def taken_up(self) -> int:
        """How many words of the result are in the original. Little words do not count."""
        return _count(self.result, DiffKind.KEPT, DiffKind.MOVED)


def words(text: str) -> list[str]:
    """Return the words and punctuation marks of a text, in the form in which they are compared."""
    return [match[0].casefold() for match in _WORD.finditer(text)]


def says_something(text: str) -> bool:
    """Return whether the text has more than little words and marks, whose coming and going says nothing."""
    return any(word not in _LITTLE and word[0].isalnum() for word in words(text))


def diff_words(original: str, result: str) -> WordDiff:
    """Compare two texts word by word."""
    before, after = words(original), words(result)
    of_original = [DiffKind.REMOVED] * len(before)
    of_result = [DiffKind.ADDED] * len(after)
    most = MOST_WORDS
    while _equal_pairs(before[:most], after[:most]) > MOST_PAIRS:
        most //= 2
    # Nothing of it is junk: words that come often are words, too.
    matcher = SequenceMatcher(None, before[:most], after[:most], autojunk=False)
    for at, other, size in matcher.get_matching_blocks():
        of_original[at : at + size] = [DiffKind.KEPT] * size
        of_result[other : other + size] = [DiffKind.KEPT] * size
    in_both = set(before) & set(after)
    for n, word in enumerate(before):
        if of_original[n] is DiffKind.REMOVED and word in in_both:
            of_original[n] = DiffKind.MOVED
    for n, word in enumerate(after):
        if of_result[n] is DiffKind.ADDED and word in in_both:
            of_result[n] = DiffKind.MOVED
    return WordDiff(
        tuple(_pieces(original, of_original)),
        tuple(_pieces(result, of_result)),
    )


def _count(pieces: Iterable[DiffPiece], *changes: DiffKind) -> int:
    return sum(
        says_something(word)
        for piece in pieces
        if piece.change in changes
        for word in words(piece.text)
    )


def _equal_pairs(before: Sequence[str], after: Sequence[str]) -> int:
    counts = Counter(after)
    return sum(count * counts[word] for word, count in Counter(before).items())


def _pieces(text: str, changes: Sequence[DiffKind]) -> Iterable[DiffPiece]:
    """Cut the text where something else happened to the words. White space joins the words on both sides if
    the same happened to them; otherwise it counts as kept.
    """
    cuts: list[tuple[int, DiffKind]] = []
    end, before = 0, DiffKind.KEPT
    for match, change in zip(_WORD.finditer(text), changes, strict=True):
        if match.start() > end:
            cuts.append((end, change if change is before else DiffKind.KEPT))
        cuts.append((match.start(), change))
        end, before = match.end(), change
    if end < len(text):
        cuts.append((end, DiffKind.KEPT))
    start, current = 0, None
    for place, change in cuts:
        if change is not current:
            if current is not None:
                yield DiffPiece(text[start:place], current)
            start, current = place, change
    if current is not None:
        yield DiffPiece(text[start:], current)
