"""The commands of `upsample queue`, one file for each verb. Several verbs need the functions below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backend.console import say
from backend.errors import InputError
from backend.store import Job, Store


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
    for box in sorted({job.box for job in jobs}):
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
