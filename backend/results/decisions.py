"""Applies the decisions of users about results, and updates the result files accordingly.

A result is undecided, accepted, edited (accepted with a text of the user's own) or rejected. A result that is
held for a review (`--review`) is written to its file when it is accepted. A result of plain `--no-ui` is
written as soon as it arrives and counts as accepted; it can still be rejected or edited. A rejected result is
removed from its file: the other results stay, and the result that was accepted before it is written again.
When the file has no result any more, it is deleted, or the content that it replaced is restored. A file that
others have changed since we wrote it is never touched; then the decision is refused, too.

Accepting one of several candidates for a place (see `review`) rejects the others that existed then. Rejecting
one that was written without a review deletes its own file, too.

Each decision is a row in the queue's file. Undo removes the rows of the last step, and makes the files what
they would be without them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backend.errors import InputError, UpsampleError
from backend.results.edits import prompt_edited
from backend.results.review import chosen_file, done_job
from backend.results.writing import load_result, take_away_results, write_results
from backend.store import Job, State, Store
from backend.store.decision import Decided, Decision


@dataclass(frozen=True, slots=True)
class FileChanges:
    """The files that changed because of a decision."""

    written: tuple[Path, ...] = ()
    """Written files; of each result, the main file comes first."""
    taken_back: tuple[Path, ...] = ()
    """Files that were deleted, or that have the content again which they had before we wrote them."""


def decide(
    store: Store,
    number: int,
    decision: Decision,
    text: str | None = None,
    *,
    step: int | None = None,
    force: bool = False,
) -> FileChanges:
    """Accept, edit or reject the result of a job, and update its files.

    `text` is the user's own text, for EDITED only. Decisions of one `step` are undone together. With `force`,
    files that others made are replaced. Raises UpsampleError when a file may not be touched, the text cannot
    be the prompt, or the job has no result; then nothing is decided or written. Blocks.
    """
    if (decision is Decision.EDITED) is (text is None) or (text is not None and not text.strip()):
        raise InputError(f"job {number} needs a text to be edited to, and only then")
    job = done_job(store, number)
    if text is not None:
        text = prompt_edited(job, load_result(store, job).prompt, text)
    before = _contents(store, _files_for([job]))
    made = store.note_decision(number, decision, text, step)
    # The file of an accepted result is written even when its contents do not change: it may be missing.
    always = {chosen_file(job)} if decision.is_wanted else set()
    try:
        return _update_files(store, before, always, force=force)
    except UpsampleError:
        store.remove_decisions([made])
        _restore(store, before)
        raise


def decide_all(
    store: Store, numbers: Iterable[int], decision: Decision, *, force: bool = False
) -> tuple[FileChanges, list[UpsampleError]]:
    """Accept or reject these results as one step of undo. Returns the changes, and the errors about some.
    Blocks.
    """
    step = None
    troubles = []
    written: list[Path] = []
    taken_back: list[Path] = []
    for number in numbers:
        try:
            outcome = decide(store, number, decision, step=step, force=force)
        except UpsampleError as error:
            troubles.append(error)
            continue
        step = store.last_decisions()[0].step
        written += outcome.written
        taken_back += outcome.taken_back
    return FileChanges(tuple(dict.fromkeys(written)), tuple(taken_back)), troubles


def undo(store: Store) -> tuple[list[Decided], FileChanges]:
    """Undo the last step. Returns its decisions, none when there is nothing to undo, and the changes of
    files.

    Raises UpsampleError when a file may not be touched; then nothing changes. Blocks.
    """
    last = store.last_decisions()
    before = _contents(store, _files_for(store.jobs(decided.job for decided in last)))
    store.remove_decisions(last)
    try:
        return last, _update_files(store, before, set(), force=False)
    except UpsampleError:
        store.restore_decisions(last)
        _restore(store, before)
        raise


def deliver(store: Store, file: Path, *, force: bool = False) -> list[Path]:
    """Write a result file with the results that belong in it now, and its sidecar, by `write_results`.
    Blocks.

    Writes again when a decision of another process changes the contents during the write.
    """
    while True:
        before = _contents(store, [file])
        jobs = [job for job in store.with_destination(file) if job.state.ended]
        files = write_results(store, file, jobs, force or any(job.force for job in jobs))
        if _contents(store, [file]) == before:
            return files


def files_that_hold(store: Store, job: Job) -> list[Path]:
    """Return the files that the job's result belongs in now. Blocks."""
    found = _contents(store, _files_for([job]))
    return [file for file, held in found.items() if any(n == job.number for n, _ in held)]


_Contents = dict[Path, list[tuple[int, str | None]]]
"""The jobs whose results belong in a file, each with the user's own text or None, by file."""


def _files_for(jobs: Iterable[Job]) -> list[Path]:
    files = (file for job in jobs for file in (job.destination, job.choice) if file)
    return list(dict.fromkeys(files))


def _contents(store: Store, files: Iterable[Path]) -> _Contents:
    found: _Contents = {}
    for file in files:
        jobs = [job for job in store.with_destination(file) if job.state is State.DONE]
        decided = store.decisions(job.number for job in jobs)
        texts = {number: decision.text for number, decision in decided.items()}
        found[file] = [(job.number, texts.get(job.number)) for job in jobs]
    return found


def _update_files(
    store: Store, before: _Contents, always: set[Path], *, force: bool
) -> FileChanges:
    """Write or take away the files whose contents differ from `before`, and the files in `always`."""
    written: list[Path] = []
    taken_back: list[Path] = []
    now = _contents(store, before)
    for file in before:
        if now[file] == before[file] and file not in always:
            continue
        if now[file]:
            written += deliver(store, file, force=force)
        else:
            taken_back += take_away_results(store, file)
    return FileChanges(tuple(written), tuple(taken_back))


def _restore(store: Store, files: Iterable[Path]) -> None:
    """Write the files again as they were, as far as possible, after one of them could not be changed."""
    for file in files:
        with suppress(UpsampleError):
            if any(_contents(store, [file]).values()):
                deliver(store, file)
            else:
                take_away_results(store, file)
