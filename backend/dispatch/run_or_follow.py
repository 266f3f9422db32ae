"""Runs one batch, or waits for the process that holds the dispatcher lock and follows its work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.follow import Follower
from backend.dispatch.lock import dispatcher_lock
from backend.dispatch.poll import POLL_SECONDS, poll_queue_changes
from backend.errors import QueueTaken, first_of
from backend.events import DispatcherChanged, Event
from backend.store import Job, Store


async def run_or_follow(
    store: Store,
    jobs: Sequence[Job],
    watch: Callable[[Event], None],
    dispatcher: Callable[[], Dispatcher],
) -> None:
    """Wait until these jobs of one box have ended or are postponed, whichever process runs them.

    `watch` is called with every event. `dispatcher` makes the Dispatcher that runs the jobs once this
    process holds the lock. Raises the errors of `Dispatcher.run`.
    """
    try:
        with dispatcher_lock(store):
            await _run(store, [job.number for job in jobs], dispatcher())
            return
    except QueueTaken as taken:
        holder = taken.holder
    watch(DispatcherChanged(holder))
    follower = Follower(store, jobs, watch)
    while not await follower.report_changes():
        try:
            with dispatcher_lock(store):
                # Check again: the other process may have ended the jobs before it released the lock.
                if not await follower.report_changes():
                    watch(DispatcherChanged(""))
                    await _run(store, follower.unended, dispatcher())
                return
        except QueueTaken as taken:
            if taken.holder != holder:
                holder = taken.holder
                watch(DispatcherChanged(holder))
        await asyncio.sleep(POLL_SECONDS)


async def _run(store: Store, numbers: Sequence[int], dispatcher: Dispatcher) -> None:
    # Read again: the process that held the lock before may have finished some jobs and removed others.
    jobs = await asyncio.to_thread(store.jobs, numbers)
    if not jobs:
        return
    async with _obeying_requests(store, set(numbers), jobs[0].box, dispatcher):
        await dispatcher.run(jobs)


@asynccontextmanager
async def _obeying_requests(
    store: Store, numbers: set[int], box: str, dispatcher: Dispatcher
) -> AsyncIterator[None]:
    """Apply the requests of other processes while the block runs.

    Jobs among `numbers` that another process queues again join the run.
    """

    async def obey() -> None:
        await dispatcher.apply_requests()
        # Not in a thread: a job that ends during the query would look as if it were still to be done.
        waiting = store.to_do(box, but=dispatcher.numbers)
        await dispatcher.add([job for job in waiting if job.number in numbers])

    try:
        async with asyncio.TaskGroup() as group:
            polling = group.create_task(poll_queue_changes(store, obey))
            yield
            polling.cancel()
    except ExceptionGroup as errors:
        raise first_of(errors) from None
