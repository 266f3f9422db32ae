"""Which specs are marked, and the way back from each change of that. No widgets."""

from __future__ import annotations

from collections import deque
from collections.abc import Set

_LONGEST_WAY_BACK = 100
"""Changes that can be undone."""


class Marks:
    """Numbers of specs. Every change swaps the marks of some of them, so undoing it does so again."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self._changes: deque[frozenset[int]] = deque(maxlen=_LONGEST_WAY_BACK)

    def swap(self, numbers: Set[int]) -> None:
        """Mark what is not marked of these, and the other way round."""
        if numbers:
            self.numbers ^= numbers
            self._changes.append(frozenset(numbers))

    def toggle(self, numbers: Set[int]) -> None:
        """Mark all of these; where all of them are marked, take the marks away."""
        self.swap(numbers if numbers <= self.numbers else numbers - self.numbers)

    def clear(self) -> None:
        """Take all marks away."""
        self.swap(set(self.numbers))

    def undo(self, there: Set[int]) -> int | None:
        """Take the last change back for what is still there; how many marks that swapped, None when there
        is nothing to undo.
        """
        while self._changes:
            numbers = self._changes.pop() & there
            if numbers:
                self.numbers ^= numbers
                return len(numbers)
        return None

    def forget(self, numbers: Set[int]) -> None:
        """These specs are gone."""
        self.numbers -= numbers
