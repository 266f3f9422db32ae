"""The marked specs, and a history of changes that can be undone. No widgets."""

from __future__ import annotations

from collections import deque
from collections.abc import Set

_LONGEST_WAY_BACK = 100
"""How many changes can be undone."""


class Marks:
    """The numbers of the marked specs. Each change swaps some marks, so swapping them again undoes it."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self._changes: deque[frozenset[int]] = deque(maxlen=_LONGEST_WAY_BACK)

    def swap(self, numbers: Set[int]) -> None:
        """Mark those of these that are unmarked, and unmark the others."""
        if numbers:
            self.numbers ^= numbers
            self._changes.append(frozenset(numbers))

    def toggle(self, numbers: Set[int]) -> None:
        """Mark all of these; if all of them are marked, remove the marks."""
        self.swap(numbers if numbers <= self.numbers else numbers - self.numbers)

    def clear(self) -> None:
        """Remove all marks."""
        self.swap(set(self.numbers))

    def undo(self, there: Set[int]) -> int | None:
        """Undo the last change for the specs that still exist; return how many marks that swapped, None
        when there is nothing to undo.
        """
        while self._changes:
            numbers = self._changes.pop() & there
            if numbers:
                self.numbers ^= numbers
                return len(numbers)
        return None

    def forget(self, numbers: Set[int]) -> None:
        """Remove the marks of specs that are gone."""
        self.numbers -= numbers
