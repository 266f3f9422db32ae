"""The difference between two prompts that are JSON objects, key by key.

Entries of a list have no keys. They are paired by the words that they share: the subject that one prompt
names first may stand third in the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from backend.results.word_diff import WordDiff, diff_words, words
from backend.specs.outline import OutlinePart, PartKind, outline_in

_MOST_PAIRS = 2_500
"""How many pairs of entries are compared; in longer lists, the first is paired with the first."""
_ALIKE = 0.25
"""The share of words in common from which two entries are about the same thing."""


class KeyChange(StrEnum):
    """What is different about a key between two prompts."""

    SAME = "same"
    CHANGED = "changed"
    """Both have the key, with different values, or something below it is different."""
    REMOVED = "removed"
    """Only the first prompt has it."""
    ADDED = "added"
    """Only the second prompt has it."""


@dataclass(frozen=True, slots=True)
class ComparedPart:
    """A key of two prompts. At least one of `before` and `after` is there."""

    change: KeyChange
    before: OutlinePart | None
    after: OutlinePart | None
    below: tuple[ComparedPart, ...] = ()
    """The parts of both; empty where values are compared."""

    @property
    def part(self) -> OutlinePart:
        """The part of the second prompt, or else of the first one."""
        part = self.after or self.before
        if part is None:
            raise ValueError("neither prompt has it")
        return part

    @property
    def values(self) -> tuple[str, str]:
        """The values in words; empty where a prompt does not have the key.

        Values that are different, but of which one says nothing or both say the same, are spelled as JSON.
        """
        sides = self.before, self.after
        words = [side.said if side else "" for side in sides]
        are_alike = words[0].split() == words[1].split()
        first, second = (
            side.spelled
            if side and self.change is not KeyChange.SAME and (are_alike or not said.strip())
            else said
            for side, said in zip(sides, words, strict=True)
        )
        return first, second

    @property
    def words(self) -> WordDiff:
        """How the words of the two values differ."""
        return diff_words(*self.values)


def compare_objects(before: str, after: str) -> tuple[ComparedPart, ...] | None:
    """Compare two prompts key by key; return None if one of them is no JSON object, or an empty one."""
    first, second = outline_in(before), outline_in(after)
    return compare_outlines(first, second) if first and second else None


def compare_prompts(before: str, after: str) -> tuple[ComparedPart, ...]:
    """Compare two prompts key by key where both are JSON objects, else as two values of one key."""
    compared = compare_objects(before, after)
    if compared is not None:
        return compared
    return (_both(*(_text("prompt", text) for text in (before, after))),)


def compare_outlines(
    before: Sequence[OutlinePart], after: Sequence[OutlinePart]
) -> tuple[ComparedPart, ...]:
    """Compare two outlines of objects key by key, in the order of the second one."""
    places = {part.key: place for place, part in enumerate(before)}
    pairs = {n: places[part.key] for n, part in enumerate(after) if part.key in places}
    return tuple(_merged(before, after, pairs))


def different_values(
    parts: Sequence[ComparedPart], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], ComparedPart]]:
    """Yield each value that is not the same in both, with the keys that lead to it."""
    for part in parts:
        here = (*path, part.part.key)
        if part.below:
            yield from different_values(part.below, here)
        elif part.change is not KeyChange.SAME:
            yield here, part


def count_changes(parts: Sequence[ComparedPart]) -> Counter[KeyChange]:
    """Count the values of each kind."""
    counts = Counter[KeyChange]()
    for part in parts:
        counts += count_changes(part.below) if part.below else Counter([part.change])
    return counts


def _merged(
    before: Sequence[OutlinePart], after: Sequence[OutlinePart], pairs: dict[int, int]
) -> Iterator[ComparedPart]:
    """Yield the parts in the order of the second prompt. One that only the first has stands before the next
    one that both have.
    """
    taken = set(pairs.values())
    at = 0
    for n, part in enumerate(after):
        if n in pairs:
            yield from (
                _alone(one, KeyChange.REMOVED) for one in _untaken(before, at, pairs[n], taken)
            )
            at = max(at, pairs[n])
            yield _both(before[pairs[n]], part)
        else:
            yield _alone(part, KeyChange.ADDED)
    yield from (_alone(one, KeyChange.REMOVED) for one in _untaken(before, at, len(before), taken))


def _untaken(
    parts: Sequence[OutlinePart], first: int, end: int, taken: set[int]
) -> Iterator[OutlinePart]:
    return (parts[n] for n in range(first, end) if n not in taken)


def _both(before: OutlinePart, after: OutlinePart) -> ComparedPart:
    if not (before.below and after.below):
        is_same = (before.spelled, before.clock) == (after.spelled, after.clock)
        return ComparedPart(KeyChange.SAME if is_same else KeyChange.CHANGED, before, after)
    if before.kind is after.kind is PartKind.LIST:
        below = tuple(_merged(before.below, after.below, _paired(before.below, after.below)))
    else:
        below = compare_outlines(before.below, after.below)
    if before.clock != after.clock:
        below = (_both(_text("time", before.clock), _text("time", after.clock)), *below)
    is_same = all(part.change is KeyChange.SAME for part in below)
    return ComparedPart(KeyChange.SAME if is_same else KeyChange.CHANGED, before, after, below)


def _text(key: str, text: str) -> OutlinePart:
    return OutlinePart(key, PartKind.TEXT if text else PartKind.EMPTY, text, value=text)


def _alone(part: OutlinePart, change: KeyChange) -> ComparedPart:
    before, after = (part, None) if change is KeyChange.REMOVED else (None, part)
    below = tuple(_alone(each, change) for each in part.below)
    return ComparedPart(change, before, after, below)


def _paired(before: Sequence[OutlinePart], after: Sequence[OutlinePart]) -> dict[int, int]:
    """Return for entries of the second list the one of the first list that is most like it."""
    if len(before) * len(after) > _MOST_PAIRS:
        return {n: n for n in range(min(len(before), len(after)))}
    bags = [[Counter(words(part.said)) for part in parts] for parts in (before, after)]
    spelled = [[part.spelled for part in parts] for parts in (before, after)]
    alike = sorted(
        (-likeness, spelled[0][one] != spelled[1][other], abs(one - other), other, one)
        for one, first in enumerate(bags[0])
        for other, second in enumerate(bags[1])
        if (likeness := _likeness(first, second)) >= _ALIKE
    )
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for *_, other, one in alike:
        if other not in pairs and one not in taken:
            pairs[other] = one
            taken.add(one)
    return pairs


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    """Return the share of words that two entries have in common, from 0 to 1."""
    together = one.total() + other.total()
    return 2 * (one & other).total() / together if together else 1.0
