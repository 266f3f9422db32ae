"""The commands of `upsample queue`, one file for each verb, and what commands that change jobs share.

They open the queue, find the jobs that the user names, and print what became of each: as a table for people,
or as one JSON object a line for programs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from backend.console import out, safe, say, table, warn, write_json
from backend.errors import InputError
from backend.exit_codes import ExitCode
from backend.store import Job, Store, default_path


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What a verb did to one job."""

    job: Job
    """The job after the verb. For a job that was removed from the queue: the job before that."""
    is_as_asked: bool
    text: str
    """What is shown: "cancelled", or the reason why the job was not cancelled."""


@contextmanager
def open_user_queue() -> Iterator[Store]:
    """Open the queue, and close it at the end. Warns when a damaged file was set aside. Raises QueueError."""
    with closing(Store(default_path())) as store:
        if store.set_aside is not None:
            warn(store.set_aside.describe())
        yield store


def jobs_numbered(store: Store, numbers: Sequence[int]) -> list[Job]:
    """Return the jobs with these numbers, in order and each once. Raises InputError for an unknown number."""
    found = store.jobs(numbers)
    unknown = sorted(set(numbers) - {job.number for job in found})
    if unknown:
        named = " and no ".join(str(number) for number in unknown)
        raise InputError(f"there is no job {named}", "`upsample queue list --all` shows all jobs.")
    return found


def say_who_does_them(jobs: Iterable[Job]) -> None:
    """Tell the user which process sends the given jobs, which wait again."""
    for box in sorted({",".join(job.boxes) for job in jobs}):
        say(
            f"An open upsample takes up what waits for {box}; else `upsample --no-ui --box {box}` does."
        )


def require_choice(numbers: Sequence[int], option: str, *, is_given: bool) -> None:
    """Raise InputError unless the user gives exactly one of job numbers and the option."""
    if bool(numbers) == is_given:
        raise InputError(
            f"name either jobs or {option}",
            "`upsample queue list` shows the numbers of the jobs.",
        )


def show_outcomes(outcomes: Sequence[JobOutcome], *, as_json: bool) -> None:
    """Print the outcomes to stdout."""
    if as_json:
        for outcome in outcomes:
            job = outcome.job
            write_json(
                {
                    "job": job.number,
                    "name": job.name,
                    "box": job.box,
                    "state": job.state.value,
                    "ok": outcome.is_as_asked,
                    "outcome": outcome.text,
                }
            )
    elif outcomes:
        shown = table("job", "name", "outcome", right=("job",), long=("name", "outcome"))
        for outcome in outcomes:
            shown.add_row(str(outcome.job.number), safe(outcome.job.name), safe(outcome.text))
        out().print(shown)


def conclude(outcomes: Sequence[JobOutcome], *, nothing: str = "", as_json: bool) -> ExitCode:
    """Print the outcomes, or say `nothing` where there are none, and return the exit code of the verb."""
    show_outcomes(outcomes, as_json=as_json)
    if nothing and not outcomes:
        say(nothing)
    done = all(outcome.is_as_asked for outcome in outcomes)
    return ExitCode.OK if done else ExitCode.SOME_FAILED
