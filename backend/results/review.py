"""What a user decides about results, and the files that follow from it.

A result is undecided, accepted, edited (accepted with a text of the user's own) or rejected. What is held
for a review (`--review`) goes into its file when it is accepted; what was asked for with plain `--no-ui`
was written as soon as it was there, counts as accepted, and can be rejected or edited all the same. A
rejected result leaves its file: other results stay in it, what was accepted for the place before is there
again, and where nothing is left, the file goes, or what it replaced comes back. A file that is not as we
left it is never touched; then the decision is refused, too.

The answers to one prompt are candidates for one place, an entry of a result file. One of them can be
there: accepting it passes over the ones that were there to choose from. Candidates that are held have
only that place. Without a review, each candidate was written to a file of its own (NAME-1, NAME-2 …); the
one that is accepted goes into NAME as well, and rejecting one takes its own file away.

Each decision is a row in the queue's file. Undo takes the last row back, and makes the files what they
would be without it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from backend.errors import InputError, UpsampleError
from backend.results.lints import Answered, Lint, LintKind, lint, near_duplicates
from backend.results.writing import Result, load_result, take_away_results, write_results
from backend.store import Job, State, Store, wanted_since
from backend.store.decision import Decided, Decision


@dataclass(frozen=True, slots=True)
class Candidate:
    """One result, as it stands in the review."""

    result: Result
    decision: Decision
    """For the place that it shares with the others; as is said above."""
    lints: tuple[Lint, ...]
    """About its text as it would be written; the gravest first."""

    @property
    def number(self) -> int:
        """Of its job."""
        return self.result.job.number


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A prompt with what came of it."""

    place: Path
    """The file that the accepted candidate is in."""
    entry: int
    candidates: tuple[Candidate, ...]
    """At least one, oldest first."""

    @property
    def name(self) -> str:
        """The prompt's."""
        return self.candidates[-1].result.job.name

    @property
    def chosen(self) -> Candidate | None:
        """The candidate that is in the file; None when there is none."""
        return next((c for c in self.candidates if c.decision.is_wanted), None)

    @property
    def decision(self) -> Decision:
        """Undecided as long as one of them is."""
        if any(c.decision is Decision.UNDECIDED for c in self.candidates):
            return Decision.UNDECIDED
        return self.chosen.decision if self.chosen else Decision.REJECTED

    @property
    def unlinted(self) -> Candidate | None:
        """Which to accept without a look: the first that is undecided and has no lint. None when another
        one is accepted already.
        """
        if self.chosen:
            return None
        undecided = (c for c in self.candidates if c.decision is Decision.UNDECIDED)
        return next((c for c in undecided if not c.lints), None)


@dataclass(frozen=True, slots=True)
class Review:
    """All results of the queue."""

    prompts: tuple[Reviewed, ...]
    """Those whose first answer was asked for last come last."""
    troubles: tuple[str, ...]
    """Why results are missing from it."""


@dataclass(frozen=True, slots=True)
class FileChanges:
    """What became of files when something was decided."""

    written: tuple[Path, ...] = ()
    """The main file of each result first."""
    taken_back: tuple[Path, ...] = ()
    """What is gone, or again what it was before us."""


# --- to look at ---


def load_review(store: Store, known: Mapping[int, Candidate] | None = None) -> Review:
    """Everything that there is to review. Blocks; `known` candidates are not made anew if they need not be.

    Near-duplicates are looked for among results of different prompts or videos.
    """
    decided = store.decisions()
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
                candidates.append(replace(candidate, decision=decisions[job.number]))
        if candidates:
            prompts.append(Reviewed(place, entry, tuple(candidates)))
    return Review(tuple(_with_duplicates(prompts)), tuple(troubles))


def chosen_file(job: Job) -> Path:
    """The file for which the job is a candidate."""
    return job.choice or job.destination


def waiting_for_review(store: Store) -> set[int]:
    """The jobs whose results are held and undecided. Blocks."""
    decided = store.decisions()
    return {
        job.number
        for (place, _), jobs in _done_jobs(store).items()
        for job, decision in zip(jobs, _decisions(place, jobs, decided).values(), strict=True)
        if job.held and decision is Decision.UNDECIDED
    }


def _done_jobs(store: Store) -> dict[tuple[Path, int], list[Job]]:
    """By place and entry."""
    together: defaultdict[tuple[Path, int], list[Job]] = defaultdict(list)
    for job in store.in_states([State.DONE]):
        together[chosen_file(job), job.entry].append(job)
    return together


def _candidate(
    store: Store, job: Job, decided: Decided | None, known: Mapping[int, Candidate]
) -> Candidate:
    """With its own lints; what the others say of it comes later."""
    before = known.get(job.number)
    text = decided.text if decided else None
    if before and before.result.job == job and text in (None, before.result.prompt):
        edited = before.result.provenance["edited"]
        if edited is (text is not None):
            return before
    result = load_result(store, job)
    answered = Answered(job.prompt, result.prompt, result.answer.finish_reason)
    found = lint(answered)
    if text is not None:
        # The user has seen that, and ended the sentence.
        found = [it for it in found if it.kind is not LintKind.CUT_OFF]
    return Candidate(result, Decision.UNDECIDED, tuple(found))


def _decisions(
    place: Path, jobs: Sequence[Job], decided: Mapping[int, Decided]
) -> dict[int, Decision]:
    """How each of these candidates for one place stands."""
    own = {job.number: decided.get(job.number) for job in jobs}
    since = {job.number: wanted_since(job, place, own[job.number]) for job in jobs}
    there = max(jobs, key=lambda job: since[job.number] or 0)
    accepted = max((one.asked for one in own.values() if one and one.decision.is_wanted), default=0)
    found = {}
    for job in jobs:
        decision = own[job.number]
        if job is there and since[job.number]:
            stands = decision.decision if decision else Decision.ACCEPTED
        elif since[job.number] or decision or accepted > job.asked:
            stands = Decision.REJECTED
        else:
            stands = Decision.UNDECIDED
        found[job.number] = stands
    return found


def _with_duplicates(prompts: Sequence[Reviewed]) -> list[Reviewed]:
    """With the lint about answers that say what another one says. First candidates are compared with first
    ones, second with second ones: those of one prompt may well be alike.
    """
    close: dict[int, Candidate] = {}
    for n in range(max((len(prompt.candidates) for prompt in prompts), default=0)):
        layer = [prompt.candidates[n] for prompt in prompts if n < len(prompt.candidates)]
        of_question: defaultdict[object, list[Candidate]] = defaultdict(list)
        for candidate in layer:
            job = candidate.result.job
            of_question[job.prompt, job.video, job.control].append(candidate)
        first = {same[0].number: same for same in of_question.values()}
        texts = {number: same[0].result.prompt for number, same in first.items()}
        for number, other in near_duplicates(texts).items():
            for candidate in first[number]:
                close[candidate.number] = first[other][0]
    return [
        replace(
            prompt,
            candidates=tuple(_noting_duplicate(c, close.get(c.number)) for c in prompt.candidates),
        )
        for prompt in prompts
    ]


def _noting_duplicate(candidate: Candidate, other: Candidate | None) -> Candidate:
    lints = [it for it in candidate.lints if it.kind is not LintKind.DUPLICATE]
    if other is not None:
        job = other.result.job
        message = f"It says almost what the answer to {job.name} says (job {job.number})"
        lints.append(Lint(LintKind.DUPLICATE, message))
    return replace(candidate, lints=tuple(lints))


def unlinted(store: Store) -> list[int]:
    """The jobs that can be accepted without a look: of each prompt that is undecided, the first candidate
    that is undecided and has no lint. Blocks.
    """
    return [prompt.unlinted.number for prompt in load_review(store).prompts if prompt.unlinted]


# --- to decide ---


def decide(
    store: Store,
    number: int,
    decision: Decision,
    text: str | None = None,
    *,
    step: int | None = None,
    force: bool = False,
) -> FileChanges:
    """Accept, edit or reject the result of a job, and make its files what follows from that.

    `text` is the user's own, for EDITED alone. Decisions of one `step` are undone together. With `force`,
    files of others are replaced. Raises UpsampleError, and nothing is decided or written, when a file may
    not be touched or the job has no result. Blocks.
    """
    if (decision is Decision.EDITED) is (text is None) or (text is not None and not text.strip()):
        raise InputError(f"job {number} needs a text to be edited to, and only then")
    job = done_job(store, number)
    before = _contents(store, _files_for([job]))
    made = store.note_decision(number, decision, text, step)
    # Whoever accepts a result wants the file to be there, even if it should be already.
    sure = {chosen_file(job)} if decision.is_wanted else set()
    try:
        return _follow(store, before, sure, force=force)
    except UpsampleError:
        store.remove_decisions([made])
        _restore(store, before)
        raise


def accept_all(
    store: Store, numbers: Iterable[int], *, force: bool = False
) -> tuple[FileChanges, list[UpsampleError]]:
    """Accept these results, as one step of undo; also what stood in the way of some. Blocks."""
    step = None
    troubles = []
    written: list[Path] = []
    taken_back: list[Path] = []
    for number in numbers:
        try:
            outcome = decide(store, number, Decision.ACCEPTED, step=step, force=force)
        except UpsampleError as error:
            troubles.append(error)
            continue
        step = store.last_decisions()[0].step
        written += outcome.written
        taken_back += outcome.taken_back
    return FileChanges(tuple(dict.fromkeys(written)), tuple(taken_back)), troubles


def undo(store: Store) -> tuple[list[Decided], FileChanges]:
    """Take the last step back. Returns what had been decided, nothing when there is nothing to take back.

    Raises UpsampleError, and all stays as it is, when a file may not be touched. Blocks.
    """
    last = store.last_decisions()
    before = _contents(store, _files_for(store.jobs(one.job for one in last)))
    store.remove_decisions(last)
    try:
        return last, _follow(store, before, set(), force=False)
    except UpsampleError:
        store.restore_decisions(last)
        _restore(store, before)
        raise


def deliver(store: Store, file: Path, *, force: bool = False) -> list[Path]:
    """Write what belongs into a result file now, and its sidecar; as `write_results`. Blocks.

    Whoever decides something meanwhile gets their way.
    """
    while True:
        before = _contents(store, [file])
        jobs = [job for job in store.with_destination(file) if job.state.ended]
        files = write_results(store, file, jobs, force or any(job.force for job in jobs))
        if _contents(store, [file]) == before:
            return files


_Contents = dict[Path, list[tuple[int, str | None]]]
"""By file: the jobs whose results belong there, each with the user's own text for it."""


def done_job(store: Store, number: int) -> Job:
    """Return the job, which has a result. Raises InputError when it has none. Blocks."""
    for job in store.jobs([number]):
        if job.state is State.DONE:
            return job
        raise InputError(f"job {number} ({job.name}) has no result: it is {job.state}")
    raise InputError(f"there is no job {number}", "`upsample results` lists what there is.")


def _files_for(jobs: Iterable[Job]) -> list[Path]:
    files = (file for job in jobs for file in (job.destination, job.choice) if file)
    return list(dict.fromkeys(files))


def _contents(store: Store, files: Iterable[Path]) -> _Contents:
    found: _Contents = {}
    for file in files:
        jobs = [job for job in store.with_destination(file) if job.state is State.DONE]
        decided = store.decisions(job.number for job in jobs)
        texts = {number: one.text for number, one in decided.items()}
        found[file] = [(job.number, texts.get(job.number)) for job in jobs]
    return found


def _follow(store: Store, before: _Contents, sure: set[Path], *, force: bool) -> FileChanges:
    """Make those of the files right whose contents are to be others than `before`, and the `sure` ones."""
    written: list[Path] = []
    taken_back: list[Path] = []
    now = _contents(store, before)
    for file in before:
        if now[file] == before[file] and file not in sure:
            continue
        if now[file]:
            written += deliver(store, file, force=force)
        else:
            taken_back += take_away_results(store, file)
    return FileChanges(tuple(written), tuple(taken_back))


def _restore(store: Store, files: Iterable[Path]) -> None:
    """After some of them were changed and another one could not be: as they were, as far as may be."""
    for file in files:
        with suppress(UpsampleError):
            if any(_contents(store, [file]).values()):
                deliver(store, file)
            else:
                take_away_results(store, file)
