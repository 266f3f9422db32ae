"""The list of the review: the prompts that are shown, and the current prompt, candidate and lint. No
widgets.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from backend.results.ratings import best_of_each
from backend.results.review import Candidate, Review, Reviewed
from backend.store.decision import Decision

_RATING = "rating:"
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
        self.has_tokens = True
        """Whether any engine has counted the tokens of its answer."""
        self.marks: set[Place] = set()
        """The prompts that the user has marked."""
        self._candidates: dict[Place, int] = {}
        """The job numbers of the candidates that the user chose to look at, by prompt."""
        self._compared: int | None = None
        """The job of the other result that the user chose to compare with; None for the original prompt."""

    # --- what there is ---

    def take(self, review: Review) -> None:
        """Take over new results. The cursor keeps its prompt, or its position when the prompt is gone."""
        self.prompts, self.troubles, self.is_loaded = review.prompts, review.troubles, True
        self.has_tokens = any(
            candidate.result.answer.completion_tokens is not None
            for prompt in review.prompts
            for candidate in prompt.candidates
        )
        self.marks &= {_place(prompt) for prompt in review.prompts}
        self._refilter()

    def set_filter(self, text: str) -> None:
        """Show only prompts that have each of these words in their name, text, decision, lints or notes; of
        "rating:4" and "rating:4+", those with such a rating.
        """
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

    @property
    def best(self) -> list[int]:
        """The jobs among those shown that are rated best of their prompts' candidates."""
        return best_of_each(self.shown)

    # --- marks ---

    @property
    def chosen(self) -> list[Candidate]:
        """The shown candidates of the marked prompts; without marks, the current candidate."""
        if self.marks:
            return [self.candidate_of(p) for p in self.prompts if _place(p) in self.marks]
        return [self.candidate] if self.candidate else []

    def is_marked(self, prompt: Reviewed) -> bool:
        """Whether the user has marked this prompt."""
        return _place(prompt) in self.marks

    def toggle_mark(self) -> None:
        """Mark the current prompt, or remove its mark; and go on to the next one."""
        if self.place is not None:
            self.marks ^= {self.place}
            self.move_to(self.position + 1)

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
        if self._compared is None:
            return None  # others are looked for among all results
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

    def go_on(self, decision: Decision, besides: Iterable[int]) -> None:
        """After a decision, go to the next undecided result: of a prompt whose candidate was rejected to the
        next undecided candidate, else to the next prompt. `besides` are as in `go_to_undecided`.
        """
        pending = set(besides)
        left = [
            candidate
            for candidate in (self.current.candidates if self.current else ())
            if candidate.decision is Decision.UNDECIDED and candidate.number not in pending
        ]
        if decision is Decision.REJECTED and left and self.current is not None:
            self._candidates[_place(self.current)] = left[0].number
            self.lint = 0
        else:
            self.go_to_undecided(pending)

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
    notes = (candidate.rating.note for candidate in prompt.candidates)
    haystack = "\n".join((prompt.name, job.prompt, prompt.decision, *kinds, *notes)).casefold()
    return all(
        _is_rated(prompt, word) if word.startswith(_RATING) else word in haystack for word in words
    )


def _is_rated(prompt: Reviewed, word: str) -> bool:
    """Whether the best rating of the prompt's candidates is as the word wants it: "rating:4", or "rating:4+"
    for 4 or better.
    """
    stars = max(candidate.rating.stars for candidate in prompt.candidates)
    wanted = word.removeprefix(_RATING)
    if wanted.endswith("+"):
        return wanted[:-1].isdecimal() and stars >= int(wanted[:-1])
    return wanted == str(stars)
