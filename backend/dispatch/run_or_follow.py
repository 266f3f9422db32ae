"""One batch, done here when it is this process's turn to work on the queue, and followed until then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.follow import Follower
from backend.dispatch.lock import sole_dispatcher
from backend.dispatch.poll import LOOK_SECONDS, watch_others
from backend.errors import QueueTaken, first_of
from backend.events import DispatcherChanged, Event
from backend.store import Job, Store


async def do_or_follow(
    store: Store,
    jobs: Sequence[Job],
    watch: Callable[[Event], None],
    dispatcher: Callable[[], Dispatcher],
) -> None:
    """Return when these jobs of one box have ended or are postponed, whoever did them.

    `watch` hears of everything; `dispatcher` makes the one that does them when the queue is free.
    Raises what `Dispatcher.run` raises.
    """
    try:
        with sole_dispatcher(store):
            await _do(store, [job.number for job in jobs], dispatcher())
            return
    except QueueTaken as taken:
        holder = taken.holder
    watch(DispatcherChanged(holder))
    follower = Follower(store, jobs, watch)
    while not await follower.have_ended():
        try:
            with sole_dispatcher(store):
                # Once more: it may have ended between the two.
                if not await follower.have_ended():
                    watch(DispatcherChanged(""))
                    await _do(store, follower.left, dispatcher())
                return
        except QueueTaken as taken:
            if taken.holder != holder:
                holder = taken.holder
                watch(DispatcherChanged(holder))
        await asyncio.sleep(LOOK_SECONDS)


async def _do(store: Store, numbers: Sequence[int], dispatcher: Dispatcher) -> None:
    # Asked for again: whoever worked on the queue before may have done some, and others may be forgotten.
    jobs = await asyncio.to_thread(store.jobs, numbers)
    if not jobs:
        return
    async with _heeding(store, set(numbers), jobs[0].box, dispatcher):
        await dispatcher.run(jobs)


@asynccontextmanager
async def _heeding(
    store: Store, numbers: set[int], box: str, dispatcher: Dispatcher
) -> AsyncIterator[None]:
    """Meanwhile, do what other processes ask for; those of these jobs that go on again join the others."""

    async def heed() -> None:
        await dispatcher.heed()
        # Not in a thread: a job that ends meanwhile would be taken for one to be done.
        there = store.to_do(box, but=dispatcher.numbers)
        await dispatcher.add([job for job in there if job.number in numbers])

    try:
        async with asyncio.TaskGroup() as group:
            heeding = group.create_task(watch_others(store, heed))
            yield
            heeding.cancel()
    except ExceptionGroup as errors:
        raise first_of(errors) from None
