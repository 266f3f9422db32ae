"""`upsample queue resume`: let paused jobs go on.

The process that works on the queue sends them.
"""

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


def resume_jobs(numbers: Sequence[int], *, everything: bool, as_json: bool) -> ExitCode:
    """Let these jobs go on, or all paused jobs, and print what happened to each."""
    require_choice(numbers, "--all", is_given=everything)
    with open_user_queue() as store:
        before = store.in_states([State.PAUSED]) if everything else jobs_numbered(store, numbers)
        resumed = {job.number: job for job in store.resume(job.number for job in before)}
        outcomes = [_outcome(job, resumed.get(job.number)) for job in before]
        exit_code = conclude(outcomes, nothing="There is nothing to resume.", as_json=as_json)
        say_who_does_them(resumed.values())
    return exit_code


def _outcome(before: Job, now: Job | None) -> JobOutcome:
    if now is not None:
        return JobOutcome(now, True, "goes on")
    return JobOutcome(before, False, f"is not paused: it is {before.state}")
