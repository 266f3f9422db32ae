"""Loads the results of the queue for those who judge them.

The answers to one prompt are candidates for one place: an entry of a result file. The place holds at most one
of them. Held candidates have only that place. Without a review, each candidate is also written to a file of
its own (NAME-1, NAME-2 …), and the accepted one to NAME as well. How decisions about them are applied is in
`decisions`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backend.config import said_answer_language
from backend.errors import InputError, UpsampleError
from backend.results.lints import Answered, Lint, LintKind, lint, near_duplicates
from backend.results.writing import Result, load_result
from backend.specs.json_prompts import said_in
from backend.store import Job, State, Store, wanted_since
from backend.store.decision import Decided, Decision
from backend.store.rating import UNRATED, Rating


@dataclass(frozen=True, slots=True)
class Candidate:
    """A result in the review, with its decision and its lints."""

    result: Result
    decision: Decision
    """The decision about the result for the place that the prompt's candidates share."""
    lints: tuple[Lint, ...]
    """Warnings about its text as it would be written; the gravest first."""
    rating: Rating = UNRATED

    @property
    def number(self) -> int:
        """The number of its job."""
        return self.result.job.number


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A prompt with its candidates."""

    place: Path
    """The file that the accepted candidate is written to."""
    entry: int
    """The prompt's position in that file, from 0."""
    candidates: tuple[Candidate, ...]
    """At least one candidate, oldest first."""

    @property
    def name(self) -> str:
        """The name of the prompt's spec."""
        return self.candidates[-1].result.job.name

    @property
    def chosen(self) -> Candidate | None:
        """The candidate that is written to the file; None when there is none."""
        return next((c for c in self.candidates if c.decision.is_wanted), None)

    @property
    def decision(self) -> Decision:
        """The decision about the prompt: undecided as long as one candidate is undecided."""
        if any(c.decision is Decision.UNDECIDED for c in self.candidates):
            return Decision.UNDECIDED
        return self.chosen.decision if self.chosen else Decision.REJECTED

    @property
    def unlinted(self) -> Candidate | None:
        """The candidate to accept without reading it: the first that is undecided and has no lint.

        None when another candidate is accepted already.
        """
        if self.chosen:
            return None
        undecided = (c for c in self.candidates if c.decision is Decision.UNDECIDED)
        return next((c for c in undecided if not c.lints), None)


@dataclass(frozen=True, slots=True)
class Review:
    """All results of the queue."""

    prompts: tuple[Reviewed, ...]
    """The prompts, in the order in which their first answers were ordered."""
    troubles: tuple[str, ...]
    """Messages about results that could not be loaded."""


def load_review(store: Store, known: Mapping[int, Candidate] | None = None) -> Review:
    """Load all results with their decisions and lints. Blocks.

    `known` candidates of an earlier call are reused when they have not changed. Near-duplicates are searched
    among results of different prompts or videos.
    """
    decided, ratings = store.decisions(), store.ratings()
    prompts, troubles = [], []
    for (place, entry), jobs in _done_jobs(store).items():
        decisions = _decisions(place, jobs, decided)
        candidates = []
        for job in jobs:
            try:
                candidate = _candidate(store, job, decided.get(job.number), known or {})
            except (UpsampleError, KeyError) as error:
                troubles.append(f"{job.name} (job {job.number}): {error}")
            else:
                rating = ratings.get(job.number, UNRATED)
                candidates.append(replace(candidate, decision=decisions[job.number], rating=rating))
        if candidates:
            prompts.append(Reviewed(place, entry, tuple(candidates)))
    return Review(tuple(_with_duplicates(prompts)), tuple(troubles))


def chosen_file(job: Job) -> Path:
    """Return the file for which the job is a candidate, and which holds the accepted one."""
    return job.choice or job.destination


def waiting_for_review(store: Store) -> set[int]:
    """Return the numbers of the jobs whose results are held and undecided. Blocks."""
    if not store.has_held():
        return set()
    return {
        job.number
        for _, decisions in decisions_by_place(store)
        for job, decision in decisions
        if job.held and decision is Decision.UNDECIDED
    }


def decisions_by_place(
    store: Store,
) -> Iterator[tuple[tuple[Path, int], list[tuple[Job, Decision]]]]:
    """Yield each file and entry with the jobs whose results are for it, and what is decided. Blocks."""
    decided = store.decisions()
    for (place, entry), jobs in _done_jobs(store).items():
        decisions = _decisions(place, jobs, decided).values()
        yield (place, entry), list(zip(jobs, decisions, strict=True))


def decisions_at(
    store: Store, place: Path, candidates: Iterable[Job]
) -> list[tuple[Job, Decision]]:
    """Return those of the candidates for one entry of a file that are done, with what is decided. Blocks."""
    jobs = [job for job in candidates if job.state is State.DONE]
    if not jobs:
        return []
    decisions = _decisions(place, jobs, store.decisions(job.number for job in jobs))
    return [(job, decisions[job.number]) for job in jobs]


def _done_jobs(store: Store) -> dict[tuple[Path, int], list[Job]]:
    """Return all done jobs, grouped by file and entry."""
    groups: defaultdict[tuple[Path, int], list[Job]] = defaultdict(list)
    for job in store.in_states([State.DONE]):
        groups[chosen_file(job), job.entry].append(job)
    return groups


def _candidate(
    store: Store, job: Job, decided: Decided | None, known: Mapping[int, Candidate]
) -> Candidate:
    """Make a candidate with the lints about its own text; near-duplicates are added later."""
    before = known.get(job.number)
    text = decided.text if decided else None
    if before and before.result.job == job and text in (None, before.result.prompt):
        edited = before.result.provenance["edited"]
        if edited is (text is not None):
            return before
    result = load_result(store, job)
    language = said_answer_language(job.settings)
    reason = result.answer.finish_reason
    answered = Answered(job.prompt, result.prompt, reason, language, job.generation)
    found = lint(answered)
    if text is not None:
        # The user has edited the text, and so has seen its end.
        found = [own for own in found if own.kind is not LintKind.CUT_OFF]
    return Candidate(result, Decision.UNDECIDED, tuple(found))


def _decisions(
    place: Path, jobs: Sequence[Job], decided: Mapping[int, Decided]
) -> dict[int, Decision]:
    """Return the decision about each of these candidates for one place, by job number.

    The candidate that was requested or accepted last is in the file. An undecided candidate counts as
    rejected when another one was accepted after it was ordered.
    """
    own = {job.number: decided.get(job.number) for job in jobs}
    since = {job.number: wanted_since(job, place, own[job.number]) for job in jobs}
    in_file = max(jobs, key=lambda job: since[job.number] or 0)
    accepted = max((d.asked for d in own.values() if d and d.decision.is_wanted), default=0)
    found = {}
    for job in jobs:
        last = own[job.number]
        if job is in_file and since[job.number]:
            decision = last.decision if last else Decision.ACCEPTED
        elif since[job.number] or last or accepted > job.asked:
            decision = Decision.REJECTED
        else:
            decision = Decision.UNDECIDED
        found[job.number] = decision
    return found


def _with_duplicates(prompts: Sequence[Reviewed]) -> list[Reviewed]:
    """Add the lint about answers that nearly equal the answer to another prompt.

    First candidates are compared with first ones, second with second ones; the candidates of one prompt are
    not compared, because they may well be alike.
    """
    close: dict[int, Candidate] = {}
    for n in range(max((len(prompt.candidates) for prompt in prompts), default=0)):
        layer = [prompt.candidates[n] for prompt in prompts if n < len(prompt.candidates)]
        of_question: defaultdict[object, list[Candidate]] = defaultdict(list)
        for candidate in layer:
            job = candidate.result.job
            of_question[job.prompt, job.video, job.controls].append(candidate)
        first = {same[0].number: same for same in of_question.values()}
        texts = {n: "\n".join(said_in(same[0].result.prompt)) for n, same in first.items()}
        for number, other in near_duplicates(texts).items():
            for candidate in first[number]:
                close[candidate.number] = first[other][0]
    return [
        replace(
            prompt,
            candidates=tuple(_note_duplicate(c, close.get(c.number)) for c in prompt.candidates),
        )
        for prompt in prompts
    ]


def _note_duplicate(candidate: Candidate, other: Candidate | None) -> Candidate:
    lints = [own for own in candidate.lints if own.kind is not LintKind.DUPLICATE]
    if other is not None:
        job = other.result.job
        message = f"It says almost what the answer to {job.name} says (job {job.number})"
        lints.append(Lint(LintKind.DUPLICATE, message))
    return replace(candidate, lints=tuple(lints))


def unlinted(store: Store) -> list[int]:
    """Return the numbers of the jobs that can be accepted without reading them: see `Reviewed.unlinted`.

    Blocks.
    """
    return [prompt.unlinted.number for prompt in load_review(store).prompts if prompt.unlinted]


def done_job(store: Store, number: int) -> Job:
    """Return the job, which has a result. Raises InputError when it has none. Blocks."""
    for job in store.jobs([number]):
        if job.state is State.DONE:
            return job
        raise InputError(f"job {number} ({job.name}) has no result: it is {job.state}")
    raise InputError(f"there is no job {number}", "`upsample results` lists what there is.")
