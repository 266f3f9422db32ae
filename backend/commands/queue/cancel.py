"""`upsample queue cancel`: cancel jobs, whether a box has them or not.

The command first writes a cancel request for each job into the queue's file. If another process holds the
dispatcher's lock, that process applies the requests. Otherwise this process applies them: it cancels the
jobs that are not sent yet, and tells the boxes to cancel the jobs that they have. A request that cannot be
applied now stays in the file, and the next run begins with it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from backend.box.asker import Asker, TerminalAsker
from backend.box.setup import make_box
from backend.commands.queue import (
    JobOutcome,
    conclude,
    jobs_numbered,
    open_user_queue,
    require_choice,
)
from backend.config import load_settings
from backend.console import complain, say
from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.jobs.ledger import Ledger
from backend.dispatch.runs.lock import dispatcher_lock
from backend.errors import BoxError, BoxUnreachable, QueueTaken, UpsampleError
from backend.events import Event, ResultsWritten, WritingFailed
from backend.exit_codes import ExitCode
from backend.store import Job, State, Store

_APPLIED_SECONDS = 10.0
"""How long another process may take to apply the request."""
_POLL_SECONDS = 0.1
_BOX_SECONDS = 90.0
"""How long a box may take, from the connection to its answer that the jobs are cancelled."""


def cancel_jobs(
    numbers: Sequence[int], fingerprint: str, *, everything: bool, as_json: bool
) -> ExitCode:
    """Cancel these jobs, or all that have not ended, and say what happened to each."""
    require_choice(numbers, "--all", is_given=everything)
    with open_user_queue() as store:
        before = store.unended() if everything else jobs_numbered(store, numbers)
        asked = [job.number for job in before if not job.state.ended]
        store.ask_to_cancel(asked)
        asker = TerminalAsker(fingerprint, contextlib.nullcontext)
        trouble = asyncio.run(_apply_requests(store, set(asked), asker))
        waiting = {job.number for job in store.asked_to_cancel()}
        now = store.jobs(job.number for job in before)
        outcomes = [
            _outcome(old, new, new.number in waiting) for old, new in zip(before, now, strict=True)
        ]
    exit_code = conclude(outcomes, nothing="There is nothing to cancel.", as_json=as_json)
    return ExitCode.BOX if isinstance(trouble, BoxError) else exit_code


def _outcome(before: Job, now: Job, is_waiting: bool) -> JobOutcome:
    if before.state.ended:
        return JobOutcome(now, False, f"was {before.state} already")
    if is_waiting:
        return JobOutcome(now, False, f"{now.state}; will be cancelled by whoever next works on it")
    if now.state is State.CANCELLED:
        return JobOutcome(now, True, "cancelled")
    return JobOutcome(now, False, f"{now.state} before it could be cancelled")


async def _apply_requests(store: Store, asked: set[int], asker: Asker) -> UpsampleError | None:
    """Apply the cancel requests, or wait until the process that holds the lock applies them.

    Returns the error that stopped some of the requests. The user has been told of it.
    """
    deadline = asyncio.get_running_loop().time() + _APPLIED_SECONDS
    while jobs := [job for job in store.asked_to_cancel() if job.number in asked]:
        try:
            with dispatcher_lock(store):
                return await _cancel_here(store, jobs, asker)
        except QueueTaken as taken:
            if asyncio.get_running_loop().time() > deadline:
                say(f"{taken.problem}, and has not heeded this yet. The request stays.")
                return taken
        await asyncio.sleep(_POLL_SECONDS)
    return None


async def _cancel_here(store: Store, jobs: Sequence[Job], asker: Asker) -> UpsampleError | None:
    trouble: UpsampleError | None = None
    sent = [job for job in jobs if job.state.on_box]
    await _cancel_unsent(store, [job for job in jobs if job not in sent])
    for box in dict.fromkeys(job.box for job in sent):
        try:
            await _cancel_sent(store, box, [job for job in sent if job.box == box], asker)
        except UpsampleError as error:
            complain(error)
            say(f"The request stays: the next run on {box} begins with it.")
            trouble = error
    return trouble


async def _cancel_unsent(store: Store, jobs: Sequence[Job]) -> None:
    """Cancel jobs that no box has. A results file that waited only for them is written."""
    for box in dict.fromkeys(job.box for job in jobs):
        of_box = [job for job in jobs if job.box == box]
        ledger = Ledger(store, box, _tell, force=False)
        await ledger.begin(of_box)
        await ledger.cancel(of_box)
        await ledger.close()


async def _cancel_sent(store: Store, name: str, jobs: Sequence[Job], asker: Asker) -> None:
    settings = load_settings()
    box = make_box(*settings.box_named(name), settings, {job.settings for job in jobs})
    try:
        async with asyncio.timeout(_BOX_SECONDS):
            await Dispatcher(store, box, asker, _tell, look=True).run(jobs)
    except TimeoutError:
        raise BoxUnreachable(f"{name} did not answer within {_BOX_SECONDS:.0f} s") from None


def _tell(event: Event) -> None:
    match event:
        case ResultsWritten():
            say(f"{event.file} was written: its other jobs have ended.")
        case WritingFailed():
            say(event.error)
        case _:
            pass
