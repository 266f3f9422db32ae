"""Runs one batch, or waits for the process that holds the dispatcher lock and follows its work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.follow import Follower
from backend.dispatch.lock import dispatcher_lock
from backend.dispatch.poll import LOOK_SECONDS, poll_queue_changes
from backend.errors import QueueTaken, first_of
from backend.events import DispatcherChanged, Event
from backend.store import Job, Store


async def run_or_follow(
    store: Store,
    jobs: Sequence[Job],
    watch: Callable[[Event], None],
    dispatcher: Callable[[], Dispatcher],
) -> None:
    """Return when these jobs of one box have ended or are postponed, whoever did them.

    `watch` is called with every event. `dispatcher` makes the Dispatcher that runs the jobs once this
    process holds the lock. Raises what `Dispatcher.run` raises.
    """
    try:
        with dispatcher_lock(store):
            await _run(store, [job.number for job in jobs], dispatcher())
            return
    except QueueTaken as taken:
        holder = taken.holder
    watch(DispatcherChanged(holder))
    follower = Follower(store, jobs, watch)
    while not await follower.have_ended():
        try:
            with dispatcher_lock(store):
                # Once more: it may have ended between the two.
                if not await follower.have_ended():
                    watch(DispatcherChanged(""))
                    await _run(store, follower.left, dispatcher())
                return
        except QueueTaken as taken:
            if taken.holder != holder:
                holder = taken.holder
                watch(DispatcherChanged(holder))
        await asyncio.sleep(LOOK_SECONDS)


async def _run(store: Store, numbers: Sequence[int], dispatcher: Dispatcher) -> None:
    # Read again: the process that held the lock before may have finished some jobs and forgotten others.
    jobs = await asyncio.to_thread(store.jobs, numbers)
    if not jobs:
        return
    async with _obeying_requests(store, set(numbers), jobs[0].box, dispatcher):
        await dispatcher.run(jobs)


@asynccontextmanager
async def _obeying_requests(
    store: Store, numbers: set[int], box: str, dispatcher: Dispatcher
) -> AsyncIterator[None]:
    """Do what other processes ask for while the block runs; of these jobs, requeued ones join the run."""

    async def obey() -> None:
        await dispatcher.heed()
        # Not in a thread: a job that ends meanwhile would be taken for one to be done.
        there = store.to_do(box, but=dispatcher.numbers)
        await dispatcher.add([job for job in there if job.number in numbers])

    try:
        async with asyncio.TaskGroup() as group:
            polling = group.create_task(poll_queue_changes(store, obey))
            yield
            polling.cancel()
    except ExceptionGroup as errors:
        raise first_of(errors) from None
