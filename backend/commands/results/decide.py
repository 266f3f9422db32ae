"""`upsample results accept|reject|undo`: record decisions, and write or restore the files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from backend.commands.queue import (
    JobOutcome,
    conclude,
    jobs_numbered,
    open_user_queue,
    require_choice,
)
from backend.console import safe, say
from backend.errors import InputError, UpsampleError
from backend.exit_codes import ExitCode
from backend.results.decisions import FileChanges, decide, undo
from backend.results.ratings import best_of_each
from backend.results.review import load_review, unlinted
from backend.store import Store
from backend.store.decision import Decided, Decision


def accept_results(
    numbers: Sequence[int], *, clean: bool, best: bool, force: bool, as_json: bool
) -> ExitCode:
    """Accept these results; or all undecided ones without lints (`clean`); or of each prompt the one that is
    rated best. One `undo` takes all of them back.
    """
    if clean and best:
        raise InputError("--clean and --best choose different results", "Use one of them.")
    require_choice(numbers, "--best" if best else "--clean", is_given=clean or best)

    def choose(store: Store) -> Sequence[int]:
        if best:
            return best_of_each(load_review(store).prompts)
        return unlinted(store) if clean else numbers

    nothing = (
        "No rated result waits to be accepted."
        if best
        else "Nothing that is undecided is without lints."
    )
    return _decide_all(choose, Decision.ACCEPTED, nothing, force=force, as_json=as_json)


def reject_results(numbers: Sequence[int], *, as_json: bool) -> ExitCode:
    """Reject these results. One `undo` takes all of them back."""
    return _decide_all(lambda _: numbers, Decision.REJECTED, force=False, as_json=as_json)


def undo_decisions() -> ExitCode:
    """Undo the last command that decided about results."""
    with open_user_queue() as store:
        taken, files = undo(store)
        jobs = {job.number: job for job in store.jobs(one.job for one in taken)}
    if not taken:
        say("There is nothing to undo.")
    for one in taken:
        name = jobs[one.job].name if one.job in jobs else ""
        say(f"Taken back: job {one.job} ({safe(name)}) was {one.decision}.")
    for file in files.written:
        say(f"{file} is written.")
    for file in files.taken_back:
        say(f"{_fate(file)}.")
    return ExitCode.OK


def _decide_all(
    choose: Callable[[Store], Sequence[int]],
    decision: Decision,
    nothing: str = "",
    *,
    force: bool,
    as_json: bool,
) -> ExitCode:
    outcomes: list[JobOutcome] = []
    with open_user_queue() as store:
        made: Decided | None = None
        for job in jobs_numbered(store, choose(store)):
            step = made.step if made else None
            try:
                files = decide(store, job.number, decision, step=step, force=force)
            except UpsampleError as error:
                outcomes.append(JobOutcome(job, False, str(error)))
                continue
            made = store.decisions([job.number])[job.number]
            outcomes.append(JobOutcome(job, True, _as_words(decision, files)))
    return conclude(outcomes, nothing=nothing, as_json=as_json)


def _as_words(decision: Decision, files: FileChanges) -> str:
    """Return the decision and what happened to the main file, the first of the files that changed."""
    if files.written:
        return f"{decision}; {files.written[0]} is written"
    if files.taken_back:
        return f"{decision}; {_fate(files.taken_back[0])}"
    return str(decision)


def _fate(file: Path) -> str:
    return f"{file} is as it was before" if file.exists() else f"{file} is taken away"
