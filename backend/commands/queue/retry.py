"""`upsample queue retry`: queue jobs again that failed or were cancelled."""

from __future__ import annotations

from collections.abc import Sequence

from backend.commands.queue import (
    JobOutcome,
    conclude,
    jobs_numbered,
    open_user_queue,
    require_choice,
    say_who_does_them,
)
from backend.exit_codes import ExitCode
from backend.store import Job, State


def retry_jobs(numbers: Sequence[int], *, failed: bool, as_json: bool) -> ExitCode:
    """Queue these jobs again, or all failed jobs, and print what happened to each."""
    require_choice(numbers, "--failed", is_given=failed)
    with open_user_queue() as store:
        jobs = store.in_states([State.FAILED]) if failed else jobs_numbered(store, numbers)
        again = {job.number: job for job in store.queue([job for job in jobs if _ended_badly(job)])}
    outcomes = [_outcome(job, again.get(job.number)) for job in jobs]
    exit_code = conclude(outcomes, nothing="No job has failed.", as_json=as_json)
    say_who_does_them(again.values())
    return exit_code


def _ended_badly(job: Job) -> bool:
    return job.state in (State.FAILED, State.CANCELLED)


def _outcome(before: Job, now: Job | None) -> JobOutcome:
    if now is not None:
        return JobOutcome(now, True, f"queued again; it had {_past(before.state)}")
    if before.state is State.DONE:
        return JobOutcome(before, False, "is done already")
    return JobOutcome(before, False, f"has not ended: it is {before.state}")


def _past(state: State) -> str:
    return "failed" if state is State.FAILED else "been cancelled"
