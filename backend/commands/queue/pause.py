"""`upsample queue pause`: hold back jobs with which no engine has begun.

If another process holds the dispatcher's lock, that process applies the request, because only it knows which
jobs it is sending to a box. Otherwise this process applies it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from backend.commands.queue import (
    JobOutcome,
    conclude,
    jobs_numbered,
    open_user_queue,
    require_choice,
)
from backend.console import say
from backend.dispatch.runs.lock import dispatcher_lock
from backend.errors import QueueTaken
from backend.exit_codes import ExitCode
from backend.store import Job, State, Store

_APPLIED_SECONDS = 10.0
"""How long another process may take to apply the request."""
_POLL_SECONDS = 0.1


def pause_jobs(numbers: Sequence[int], *, everything: bool, as_json: bool) -> ExitCode:
    """Pause these jobs, or all that wait, and say what happened to each."""
    require_choice(numbers, "--all", is_given=everything)
    with open_user_queue() as store:
        if everything:
            before = [job for job in store.to_do() if job.state.waits]
        else:
            before = jobs_numbered(store, numbers)
        store.ask_to_pause(job.number for job in before)
        _apply_requests(store, {job.number for job in before})
        waiting = {job.number for job in store.asked_to_pause()}
        now = store.jobs(job.number for job in before)
        outcomes = [
            _outcome(old, new, new.number in waiting)
            for old, new in zip(sorted(before, key=lambda job: job.number), now, strict=True)
        ]
    return conclude(outcomes, nothing="There is nothing to pause.", as_json=as_json)


def _apply_requests(store: Store, numbers: set[int]) -> None:
    deadline = time.monotonic() + _APPLIED_SECONDS
    while any(job.number in numbers for job in store.asked_to_pause()):
        try:
            with dispatcher_lock(store):
                store.pause_unsent(numbers)
                return
        except QueueTaken as taken:
            if time.monotonic() > deadline:
                say(f"{taken.problem}, and has not heeded this yet. The request stays.")
                return
        time.sleep(_POLL_SECONDS)


def _outcome(before: Job, now: Job, is_waiting: bool) -> JobOutcome:
    if now.state is State.PAUSED:
        return JobOutcome(now, True, "paused")
    if is_waiting:
        return JobOutcome(now, False, f"{now.state}; will be paused by whoever works on it")
    if before.state.ended:
        return JobOutcome(now, False, f"was {before.state} already")
    cancel = f"`upsample queue cancel {now.number}`"
    if now.state is State.SENT:
        why = f"is on the box, and only an open upsample takes it back; or {cancel}"
        return JobOutcome(now, False, why)
    return JobOutcome(now, False, f"is {now.state}: {cancel} takes it back")
