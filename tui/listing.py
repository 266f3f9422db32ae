"""The specs of the first screen: which there are, which are shown, marked and current. No widgets.

A spec's number is its place in the order of arrival, and stays. A position is a place in what is
shown now, and changes with the filter.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from backend.plan import Plan
from backend.specs.model import Broken, Skipped, Spec
from backend.specs.reading import Finding


@dataclass(slots=True)
class Row:
    """One spec, and its plan once it is made."""

    spec: Spec
    plan: Plan | None = None
    better_folder: Path | None = None
    """The folder from which the spec's missing video would be found."""
    haystack: str | None = None
    """What the filter looks at, made when there is one for the first time."""

    def matches(self, words: list[str]) -> bool:
        """Whether every word is somewhere in the name or the prompt."""
        if self.haystack is None:
            self.haystack = f"{self.spec.name}\n{self.spec.prompt}".casefold()
        return all(word in self.haystack for word in words)


class Listing:
    """What the list shows. Only the screen's thread touches it."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.shown: list[int] = []
        """Numbers of the rows that pass the filter, ascending."""
        self.marked: set[int] = set()
        self.position = 0
        """Of the current spec; 0 when nothing is shown."""
        self.filter = ""
        self.broken: list[Broken] = []
        self.skipped: list[Skipped] = []
        self.weighed = 0
        """Rows that have a plan."""

    def add(self, findings: Iterable[Finding]) -> list[Spec]:
        """Take in what a scan found, in its order; the specs among it are returned."""
        specs: list[Spec] = []
        for finding in findings:
            if isinstance(finding, Spec):
                specs.append(finding)
            elif isinstance(finding, Broken):
                self.broken.append(finding)
            else:
                self.skipped.append(finding)
        first = len(self.rows)
        self.rows += map(Row, specs)
        self.shown += self._passing(range(first, len(self.rows)))
        return specs

    def take_plan(self, number: int, plan: Plan, better_folder: Path | None) -> None:
        """Note the plan of a spec."""
        row = self.rows[number]
        self.weighed += row.plan is None
        row.plan, row.better_folder = plan, better_folder

    @property
    def current(self) -> Row | None:
        """The row that the cursor is on."""
        return self.rows[self.shown[self.position]] if self.shown else None

    @property
    def hidden_marks(self) -> int:
        """Marked specs that the filter hides."""
        if not self.filter:
            return 0
        return len(self.marked) - sum(number in self.marked for number in self.shown)

    def move_to(self, position: int) -> None:
        """Put the cursor there, or at the end that is nearest."""
        self.position = max(0, min(position, len(self.shown) - 1))

    def toggle_mark(self) -> None:
        """Mark the current spec, or take its mark away."""
        if self.shown:
            self.marked ^= {self.shown[self.position]}

    def toggle_all(self) -> None:
        """Mark all that is shown; where all of it is marked, take the marks away."""
        shown = set(self.shown)
        self.marked = self.marked - shown if shown <= self.marked else self.marked | shown

    def invert(self) -> None:
        """Swap marked and unmarked in what is shown."""
        self.marked ^= set(self.shown)

    def set_filter(self, text: str) -> None:
        """Show only what has every word of `text`. The cursor keeps its spec, or the next one."""
        number = self.shown[self.position] if self.shown else 0
        self.filter = text.strip()
        self.shown = self._passing(range(len(self.rows)))
        self.move_to(bisect_left(self.shown, number))

    def _passing(self, numbers: range) -> list[int]:
        words = self.filter.casefold().split()
        if not words:
            return list(numbers)
        return [number for number in numbers if self.rows[number].matches(words)]
