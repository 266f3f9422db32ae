"""`upsample queue reassign`: give jobs to another box, for example those of a box that does not come back.

The process that works on the queue follows that. What the first box has accepted it may still do: the first
answer counts, and the other one is kept for a review.
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
from backend.config import load_settings
from backend.exit_codes import ExitCode
from backend.planning.mixed_fleet import refuse_unlike
from backend.store import Job


def reassign_jobs(
    numbers: Sequence[int], box: str, *, of_box: str, mixed: bool, as_json: bool
) -> ExitCode:
    """Give these jobs to a box, or all that another box has. Print what happened to each."""
    require_choice(numbers, "--from", is_given=bool(of_box))
    settings = load_settings()
    settings.box_named(box)
    with open_user_queue() as store:
        before = store.had_by(of_box) if of_box else jobs_numbered(store, numbers)
        if not mixed:
            refuse_unlike(settings, (job.box for job in before if not job.state.ended), box)
        given = {job.number for job in store.reassign((job.number for job in before), box)}
        now = store.jobs(job.number for job in before)
        outcomes = [
            _outcome(old, new, new.number in given)
            for old, new in zip(sorted(before, key=lambda job: job.number), now, strict=True)
        ]
        nothing = f"{of_box} has no job that has not ended." if of_box else ""
        exit_code = conclude(outcomes, nothing=nothing, as_json=as_json)
        say_who_does_them(job for job in now if job.number in given)
    return exit_code


def _outcome(before: Job, now: Job, is_given: bool) -> JobOutcome:
    if is_given:
        return JobOutcome(now, True, f"given to {now.box}, from {before.box}")
    if now.state.ended:
        return JobOutcome(now, False, f"was {now.state} already")
    return JobOutcome(now, False, f"is a job of {now.box} already")
