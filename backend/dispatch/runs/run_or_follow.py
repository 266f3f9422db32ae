"""Runs one batch, or waits for the process that holds the dispatcher lock and follows its work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.runs.box_news import NewsReader, writing_news
from backend.dispatch.runs.follow import Follower
from backend.dispatch.runs.give_up import GiveUpTimer
from backend.dispatch.runs.lock import dispatcher_lock
from backend.dispatch.runs.poll import POLL_SECONDS, poll_queue_changes
from backend.errors import QueueTaken, UpsampleError, first_of
from backend.events import DispatcherChanged, Event
from backend.store import Job, Store
from backend.store.stored_jobs import StoredJobs, numbers_of

MakeDispatcher = Callable[[Callable[[Event], None]], Dispatcher]
"""Makes a Dispatcher that calls the given function with every event."""


async def run_or_follow(
    store: Store,
    jobs: Sequence[Job],
    watch: Callable[[Event], None],
    dispatcher: MakeDispatcher,
    give_up_after: float = 0.0,
) -> None:
    """Wait until these jobs of one box have ended or are postponed, whichever process runs them.

    `watch` is called with every event. `dispatcher` makes the Dispatcher that runs the jobs once this
    process holds the lock. Raises the errors of `Dispatcher.run`, also when another process runs the jobs
    and one of these errors has stopped the box there. Raises BoxUnreachable when the box has made no progress
    for `give_up_after` seconds (0: never), as this process sees it or the other one tells.
    """
    if not jobs:
        return
    timer = GiveUpTimer(jobs[0].box, give_up_after, watch)
    try:
        async with beside(timer.wait()):
            await work_or_follow(_Run(store, timer.hear, dispatcher), jobs, [jobs[0].box])
    finally:
        timer.stop()


class Work(Protocol):
    """What this process does with some jobs while it holds the lock."""

    @property
    def store(self) -> Store: ...

    @property
    def watch(self) -> Callable[[Event], None]: ...

    async def work_on(self, numbers: Sequence[int], holder: str) -> None:
        """Run the jobs with these numbers. `holder` is the mark of this process."""


async def work_or_follow(run: Work, jobs: Sequence[Job], boxes: Sequence[str]) -> None:
    """Do the work once this process holds the lock; until then, report what the holder does with the jobs,
    and how these boxes do.
    """
    store, watch = run.store, run.watch
    try:
        with dispatcher_lock(store) as own:
            await run.work_on(numbers_of(jobs), own.mark)
            return
    except QueueTaken as taken:
        holder = taken.holder
    watch(DispatcherChanged(holder))
    # All in one state of the queue: a job that ends between two readings would never be told.
    current = await asyncio.to_thread(store.jobs, numbers_of(jobs))
    follower = Follower(store, current, watch)
    news = [NewsReader(store, box, watch) for box in boxes]
    while not await follower.report_changes():
        try:
            with dispatcher_lock(store) as own:
                # Check again: the other process may have ended the jobs before it released the lock.
                if not await follower.report_changes():
                    watch(DispatcherChanged(""))
                    await run.work_on(follower.unended, own.mark)
                return
        except QueueTaken as taken:
            if taken.holder != holder:
                holder = taken.holder
                watch(DispatcherChanged(holder))
            for each in tuple(news):
                try:
                    await each.report(taken.mark)
                except UpsampleError:
                    news.remove(each)
                    if not news:
                        raise
        await asyncio.sleep(POLL_SECONDS)


@dataclass(frozen=True, slots=True)
class _Run:
    """The work of this process on jobs of one box, while it holds the lock."""

    store: Store
    watch: Callable[[Event], None]
    dispatcher: MakeDispatcher

    async def work_on(self, numbers: Sequence[int], holder: str) -> None:
        """Run the jobs with these numbers until all have ended or are postponed. `holder` is the mark of
        this process.
        """
        # Read again: the process that held the lock before may have finished some jobs and removed others.
        jobs = StoredJobs(self.store, sorted(await asyncio.to_thread(self.store.existing, numbers)))
        if not jobs:
            return
        box = jobs[0].box
        with writing_news(self.store, holder) as news:

            def hear(event: Event) -> None:
                self.watch(event)
                news.hear(event)

            dispatcher = self.dispatcher(hear)
            async with beside(
                poll_queue_changes(self.store, lambda: self._obey(dispatcher, box, set(numbers))),
                news.write(),
            ):
                await dispatcher.run(jobs)

    async def _obey(self, dispatcher: Dispatcher, box: str, numbers: set[int]) -> None:
        """Apply the requests of other processes. Jobs of these that one queues again join the run."""
        await dispatcher.apply_requests(await asyncio.to_thread(self.store.places))
        # Not in a thread: a job that ends during the query would look as if it were still to be done.
        waiting = self.store.to_do(box, but=dispatcher.numbers)
        await dispatcher.add([job for job in waiting if job.number in numbers])


@asynccontextmanager
async def beside(*works: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run these coroutines while the block runs. An error of one ends the block and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
            yield
            for task in tasks:
                task.cancel()
    except ExceptionGroup as errors:
        raise first_of(errors) from None
