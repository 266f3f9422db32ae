"""The list of the review: the prompts that are shown, and the current prompt, candidate and lint. No
widgets.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from backend.results.review import Candidate, Review, Reviewed
from backend.store.decision import Decision

Place = tuple[Path, int]
"""The identity of a prompt: the file of its result, and the entry in that file."""


class Show(StrEnum):
    """Which prompts are shown; the value is the title's word for it."""

    ALL = "all"
    UNDECIDED = "undecided"
    LINTED = "with lints"

    @property
    def next(self) -> Show:
        """The choice that follows this one; the first follows the last."""
        order = list(Show)
        return order[(order.index(self) + 1) % len(order)]


class ReviewListing:
    """The prompts that the review lists, its filters and its cursor. Only the app's thread touches it."""

    def __init__(self) -> None:
        self.prompts: tuple[Reviewed, ...] = ()
        self.troubles: tuple[str, ...] = ()
        self.shown: list[Reviewed] = []
        self.position = 0
        """The position of the current prompt in `shown`; 0 when nothing is shown."""
        self.filter = ""
        self.show = Show.ALL
        self.is_loaded = False
        self.lint = 0
        """The index of the current lint among those of the current candidate."""
        self._candidates: dict[Place, int] = {}
        """The job numbers of the candidates that the user chose to look at, by prompt."""
        self._compared: int | None = None
        """The job of the other result that the user chose to compare with; None for the original prompt."""

    # --- what there is ---

    def take(self, review: Review) -> None:
        """Take over new results. The cursor keeps its prompt, or its position when the prompt is gone."""
        self.prompts, self.troubles, self.is_loaded = review.prompts, review.troubles, True
        self._refilter()

    def set_filter(self, text: str) -> None:
        """Show only prompts that have each of these words in their name, text, decision or lints."""
        self.filter = text.strip()
        self._refilter()

    def set_show(self, show: Show) -> None:
        """Show all prompts, or only the undecided, or only those with lints."""
        self.show = show
        self._refilter()

    def _refilter(self) -> None:
        before = self.place
        words = self.filter.casefold().split()
        self.shown = [
            prompt for prompt in self.prompts if self._passes(prompt) and _has(prompt, words)
        ]
        self.move_to(self.position, keep_lint=True)
        if before is not None:
            self.go_to(before)

    def _passes(self, prompt: Reviewed) -> bool:
        match self.show:
            case Show.UNDECIDED:
                return prompt.decision is Decision.UNDECIDED
            case Show.LINTED:
                return bool(self.candidate_of(prompt).lints)
        return True

    @property
    def undecided(self) -> int:
        """How many of all prompts are undecided."""
        return sum(prompt.decision is Decision.UNDECIDED for prompt in self.prompts)

    @property
    def linted(self) -> int:
        """How many of all prompts have a lint in their shown candidate."""
        return sum(bool(self.candidate_of(prompt).lints) for prompt in self.prompts)

    @property
    def unlinted(self) -> list[int]:
        """The jobs among those shown that are undecided and have no lint."""
        return [prompt.unlinted.number for prompt in self.shown if prompt.unlinted]

    # --- where one is ---

    @property
    def current(self) -> Reviewed | None:
        """The prompt that the cursor is on."""
        return self.shown[self.position] if self.position < len(self.shown) else None

    @property
    def place(self) -> Place | None:
        """The identity of the current prompt."""
        return _place(self.current) if self.current else None

    @property
    def candidate(self) -> Candidate | None:
        """The shown candidate of the current prompt."""
        return self.candidate_of(self.current) if self.current else None

    def candidate_of(self, prompt: Reviewed) -> Candidate:
        """Return the candidate that the user chose; else the one that is in the file or waits for a
        decision.
        """
        chosen = self._candidates.get(_place(prompt))
        for candidate in prompt.candidates:
            if candidate.number == chosen:
                return candidate
        undecided = (c for c in prompt.candidates if c.decision is Decision.UNDECIDED)
        return next(undecided, prompt.chosen or prompt.candidates[0])

    @property
    def others(self) -> list[Candidate]:
        """The other results for the current spec, of this and of other runs: candidates, models, profiles."""
        shown = self.candidate
        if shown is None:
            return []
        spec = shown.result.job.file, shown.result.job.entry
        return [
            other
            for prompt in self.prompts
            for other in prompt.candidates
            if other is not shown and (other.result.job.file, other.result.job.entry) == spec
        ]

    @property
    def compared(self) -> Candidate | None:
        """The other result that the current one is compared with; None for the original prompt."""
        return next((other for other in self.others if other.number == self._compared), None)

    def step_compared(self) -> bool:
        """Compare with the next other result, and after the last with the original prompt.

        Returns whether there is any.
        """
        numbers = [None, *(other.number for other in self.others)]
        at = numbers.index(self._compared) if self._compared in numbers else 0
        self._compared = numbers[(at + 1) % len(numbers)]
        return len(numbers) > 1

    def move_to(self, position: int, *, keep_lint: bool = False) -> None:
        """Put the cursor there, or at the nearest end."""
        self.position = max(0, min(position, len(self.shown) - 1))
        if not keep_lint:
            self.lint = 0

    def go_to(self, place: Place) -> bool:
        """Put the cursor on this prompt; return whether it is shown."""
        for position, prompt in enumerate(self.shown):
            if _place(prompt) == place:
                self.move_to(position, keep_lint=True)
                return True
        return False

    def go_to_spec(self, file: Path, entry: int) -> bool:
        """Put the cursor on the newest result of a spec; return whether one is shown."""
        for position in range(len(self.shown) - 1, -1, -1):
            job = self.shown[position].candidates[-1].result.job
            if (job.file, job.entry) == (file, entry):
                self.move_to(position)
                return True
        return False

    def go_to_undecided(self, besides: Iterable[int] = ()) -> None:
        """Put the cursor on the next undecided prompt, going around the end; it stays if there is none.
        `besides` are jobs for which a decision is on its way.
        """
        pending = set(besides)
        for step in range(1, len(self.shown)):
            position = (self.position + step) % len(self.shown)
            prompt = self.shown[position]
            if prompt.decision is Decision.UNDECIDED and not pending & {
                candidate.number for candidate in prompt.candidates
            }:
                self.move_to(position)
                return

    def step_candidate(self, steps: int) -> None:
        """Show another candidate of the current prompt, going around the end."""
        if self.current is None or self.candidate is None:
            return
        candidates = self.current.candidates
        at = [candidate.number for candidate in candidates].index(self.candidate.number)
        chosen = candidates[(at + steps) % len(candidates)]
        self._candidates[_place(self.current)] = chosen.number
        self.lint = 0

    def step_lint(self, steps: int) -> None:
        """Choose another lint, going around the end."""
        if self.candidate and self.candidate.lints:
            self.lint = (self.lint + steps) % len(self.candidate.lints)


def _place(prompt: Reviewed) -> Place:
    return prompt.place, prompt.entry


def _has(prompt: Reviewed, words: list[str]) -> bool:
    if not words:
        return True
    job = prompt.candidates[-1].result.job
    kinds = (lint.kind for candidate in prompt.candidates for lint in candidate.lints)
    haystack = "\n".join((prompt.name, job.prompt, prompt.decision, *kinds)).casefold()
    return all(word in haystack for word in words)
