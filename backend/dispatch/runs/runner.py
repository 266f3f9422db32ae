"""Runs the whole queue on all boxes for as long as the terminal app is open.

`--no-ui` runs one batch with one Dispatcher. The app needs more: jobs are added while others run, on any box,
and a box that cannot be reached is tried again later. The app holds a QueueRunner for that; closing it loses
nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence

from backend.box.asker import Asker
from backend.box.links.backoff import Backoff
from backend.config import Ahead, Settings
from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.fleet import Fleet
from backend.dispatch.jobs.ledger import Ledger
from backend.dispatch.runs.box_news import AllNewsReader, NewsWriter, writing_news
from backend.dispatch.runs.box_set_up import BoxSetUp
from backend.dispatch.runs.follow import JobChange, JobChanges
from backend.dispatch.runs.lock import dispatcher_lock
from backend.dispatch.runs.poll import poll_queue_changes
from backend.dispatch.runs.reorder import Move, move_jobs
from backend.dispatch.sending.retries import RETRIES, TroubleKind, trouble_of
from backend.dispatch.user_requests import cancel_unsent, pause_unsent, pause_untaken
from backend.errors import QueueTaken, UpsampleError, first_of
from backend.events import DispatcherChanged, Event, LinkChanged, LinkState, QueueChanged
from backend.fetching import Fetcher
from backend.planning.orders import same_frames_together
from backend.results.undelivered import undelivered_jobs
from backend.store import Job, Order, State, Store

_ADDED_AT_ONCE = 500
_TRY_SECONDS = 1.0
"""Seconds between two attempts to take the lock of the queue."""


class QueueRunner:
    """Runs the jobs of the whole queue. An instance is used for one run."""

    def __init__(
        self,
        store: Store,
        settings: Callable[[], Settings],
        asker: Asker,
        watch: Callable[[Event], None],
    ) -> None:
        """`settings` is called again for each run on a box; `watch` is called with every event."""
        self._store = store
        self._settings = settings
        self._asker = asker
        self._front_end = watch
        self._news: NewsWriter | None = None
        """Writes what followers may hear; None while this process follows another one."""
        self._holder_news = AllNewsReader(store, watch)
        """Reads what the other process says of its boxes, while this one follows it."""
        self._to_try: set[str] = set()
        """The boxes that the other process is to be asked to try now."""
        self._wake_ups: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._job_changes = JobChanges(store)
        self._fleet = Fleet(store, begin=self._wake_box)
        self._is_following = False
        self._box_tasks: asyncio.TaskGroup | None = None
        self._served: set[str] = set()
        self._dispatchers: dict[str, Dispatcher] = {}
        """The dispatcher that runs a box's jobs right now, by the box's name."""
        self._ahead: dict[str, Ahead] = {}
        """How many jobs a box is given ahead of time where that is not what the settings say, by the box's
        name."""
        self._may_send = asyncio.Event()
        self._may_send.set()
        self._changing = asyncio.Lock()
        """Held while jobs leave a run or join one, so that the two do not interleave."""

    async def run(self) -> None:
        """Run jobs until this task is cancelled.

        While another process holds the lock, this one only reports its changes, and takes over when the lock
        is free. QueueChanged events tell what other processes changed, DispatcherChanged events which process
        holds the lock. Raises QueueError when the queue cannot be used any more.
        """
        holder = ""
        while True:
            try:
                with dispatcher_lock(self._store) as own:
                    self._is_following = False
                    self._holder_news.close()
                    if holder:
                        self._watch(DispatcherChanged(""))
                    await self._work(own.mark)
            except ExceptionGroup as errors:
                raise first_of(errors) from None
            except QueueTaken as taken:
                self._is_following = True
                if holder != taken.holder:
                    holder = taken.holder
                    self._watch(DispatcherChanged(holder))
                mark = taken.mark
            await self._follow_holder(mark)

    async def _work(self, holder: str) -> None:
        """Run jobs until this task is cancelled. `holder` is the mark of this process."""
        async with asyncio.TaskGroup() as box_tasks:
            self._box_tasks = box_tasks
            try:
                await self._work_until_cancelled(box_tasks, holder)
            finally:
                self._box_tasks = None

    async def _work_until_cancelled(self, box_tasks: asyncio.TaskGroup, holder: str) -> None:
        with writing_news(self._store, holder) as self._news:
            box_tasks.create_task(self._news.write())
            # Earlier runs may have been killed before they wrote a result, also of a box without work.
            await self._write_results(await asyncio.to_thread(undelivered_jobs, self._store))
            await asyncio.to_thread(self._store.give_back_unsent)
            await self._fleet.look()
            await self._wake_boxes_with_work()
            await poll_queue_changes(self._store, self._apply_requests)

    def _watch(self, event: Event, stopped_by: UpsampleError | None = None) -> None:
        """Tell the front end of an event, and the processes that follow this one. `stopped_by` is why a box
        is stopped.
        """
        self._front_end(event)
        if self._news is not None:
            self._news.hear(event, stopped_by)

    @property
    def is_dispatching(self) -> bool:
        """Whether this process runs the jobs; otherwise another one does, and this one requests changes."""
        return not self._is_following

    async def _follow_holder(self, mark: str) -> None:
        """Report for a short time what the process that holds the lock changes and says of its boxes."""

        async def look() -> None:
            await self._report_changes()
            while self._to_try:
                await asyncio.to_thread(self._store.ask_to_try, self._to_try.pop())
            await self._holder_news.report(mark)

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TRY_SECONDS):
                await poll_queue_changes(self._store, look)

    async def queue(self, orders: Sequence[Order], ahead: Ahead | None = None) -> list[Job]:
        """Put these into the queue and run them.

        With `ahead`, their boxes are given so many jobs ahead of time until this process ends. Returns the
        queued jobs. A job that is done already has its result written and is not run again.
        """
        together = same_frames_together(orders)
        async with self._changing:
            jobs = await asyncio.to_thread(self._store.queue, together)
            self._job_changes.mark_as_known(jobs)
            for box in {box for job in jobs for box in job.boxes}:
                self._give_ahead(box, ahead)
                self._wake_box(box)
            await self._look_at_fleets(jobs)
        await self._write_results([job for job in jobs if job.state is State.DONE])
        return jobs

    def _give_ahead(self, box: str, ahead: Ahead | None) -> None:
        if ahead is None:
            return
        self._ahead[box] = ahead
        if box in self._dispatchers:
            self._dispatchers[box].give_ahead(ahead)

    async def _write_results(self, done: Sequence[Job]) -> None:
        """Write the files of jobs that are done."""
        for box in {job.box for job in done}:
            ledger = Ledger(self._store, box, self._watch, force=False)
            await ledger.begin([job for job in done if job.box == box])

    # --- what the user asks for ---

    async def cancel(self, numbers: Collection[int]) -> None:
        """Cancel these jobs, wherever they are. A JobCancelled event follows for each that is cancelled.

        A job that a box has is cancelled there when the box is reached, in a later run if need be.
        """
        await asyncio.to_thread(self._store.ask_to_cancel, numbers)
        if not self.is_dispatching:
            return
        async with self._changing:
            jobs = await self._jobs(numbers)
            for box in {job.box for job in jobs}:
                if box in self._dispatchers:
                    await self._dispatchers[box].cancel(numbers)
                else:
                    await cancel_unsent(self._store, self._watch, box, jobs)
                self._wake_box(box)

    async def retry(self, numbers: Collection[int]) -> list[Job]:
        """Queue the failed and cancelled ones of these jobs again; returns the queued jobs."""
        ended = (State.FAILED, State.CANCELLED)
        return await self.queue([job for job in await self._jobs(numbers) if job.state in ended])

    async def pause(self, numbers: Collection[int]) -> list[Job]:
        """Pause these jobs until they are resumed. A JobPaused event follows for each that is paused.

        Jobs that are in flight or have ended stay as they are: a running job can be cancelled, not paused.
        Returns all these jobs with their new states.
        """
        if not self.is_dispatching:
            await asyncio.to_thread(self._store.ask_to_pause, numbers)
            return await self._jobs(numbers)
        async with self._changing:
            jobs = await self._jobs(numbers)
            if any(job.is_untaken for job in jobs):
                jobs = await pause_untaken(self._store, self._watch, jobs)
            for box in {job.box for job in jobs}:
                if box in self._dispatchers:
                    await self._dispatchers[box].pause(numbers)
                else:
                    unsent = [job.number for job in jobs if job.box == box]
                    await pause_unsent(self._store, self._watch, unsent)
        return await self._jobs(numbers)

    async def resume(self, numbers: Collection[int]) -> list[Job]:
        """Resume the paused ones of these jobs; returns all of them with their new states."""
        async with self._changing:
            resumed = await asyncio.to_thread(self._store.resume, numbers)
            self._job_changes.mark_as_known(resumed)
            for box in {box for job in resumed for box in job.boxes}:
                self._wake_box(box)
            await self._look_at_fleets(resumed)
        return await self._jobs(numbers)

    async def move(self, numbers: Collection[int], move: Move) -> list[Job]:
        """Move jobs that are not sent yet up or down; returns the jobs whose place in the queue changed."""
        _, moved = await asyncio.to_thread(move_jobs, self._store, numbers, move)
        places = await asyncio.to_thread(self._store.places)
        for dispatcher in self._dispatchers.values():
            dispatcher.reorder(places)
        await self._fleet.look()
        return await self._jobs(moved)

    async def reassign(self, numbers: Collection[int], box: str) -> list[Job]:
        """Give those of these jobs to a box that have not ended; returns all with their new states."""
        await asyncio.to_thread(self._store.reassign, numbers, box)
        if self.is_dispatching:
            await self._apply_requests()
        return await self._jobs(numbers)

    @property
    def may_send(self) -> bool:
        """Whether new requests are sent."""
        return self._may_send.is_set()

    def stop_sending(self) -> None:
        """Send no new request to any box until `resume_sending` is called; requests in flight go on."""
        self._may_send.clear()

    def resume_sending(self) -> None:
        """Send new requests again."""
        self._may_send.set()
        self._fleet.wake()
        for wake_up in self._wake_ups.values():
            wake_up.set()

    def try_again(self, box: str) -> None:
        """Try the box now instead of after the pause, or ask the process to do so that works on the queue."""
        if self.is_dispatching:
            self._wake_box(box)
        else:
            self._to_try.add(box)

    async def _jobs(self, numbers: Collection[int]) -> list[Job]:
        return await asyncio.to_thread(self._store.jobs, list(numbers))

    # --- the work ---

    async def _apply_requests(self) -> None:
        """Apply the requests of other processes, and run the jobs that they queued."""
        tried = await asyncio.to_thread(self._store.take_tries)
        async with self._changing:
            places = await asyncio.to_thread(self._store.places)
            for dispatcher in tuple(self._dispatchers.values()):
                await dispatcher.apply_requests(places)
            asked = await asyncio.to_thread(self._store.asked_to_pause)
            elsewhere = [job.number for job in asked if job.box not in self._dispatchers]
            await pause_unsent(self._store, self._watch, elsewhere)
            to_cancel = await asyncio.to_thread(self._store.asked_to_cancel)
            for box in {job.box for job in to_cancel} - self._dispatchers.keys():
                await cancel_unsent(self._store, self._watch, box, to_cancel)
            changes = await self._report_changes()
        to_do = [change.job for change in changes if change.is_queued_anew]
        for box in {*tried, *(box for job in (*to_do, *to_cancel) for box in job.boxes)}:
            self._wake_box(box)
        await self._look_at_fleets(change.job for change in changes)

    async def _look_at_fleets(self, changed: Iterable[Job]) -> None:
        """Let the boxes of fleets look at their jobs, if one of these that have changed is such a job."""
        if self.is_dispatching and any(job.fleet for job in changed):
            await self._fleet.look()

    async def _report_changes(self) -> list[JobChange]:
        changes = await asyncio.to_thread(self._job_changes.poll)
        if changes:
            self._watch(QueueChanged(tuple(change.job.number for change in changes)))
        return changes

    async def _wake_boxes_with_work(self) -> None:
        async with self._changing:
            boxes = await asyncio.to_thread(self._store.boxes_with_work)
            for box in boxes:
                if box not in self._served:  # `queue` has not woken it
                    self._wake_box(box)

    def _wake_box(self, box: str) -> None:
        self._wake_ups[box].set()
        if self._box_tasks is not None and box not in self._served:
            self._served.add(box)
            self._box_tasks.create_task(self._serve_box(box))

    async def _serve_box(self, name: str) -> None:
        backoff, full = Backoff(), Backoff(pauses=RETRIES[TroubleKind.DISK].pauses)
        while True:
            self._wake_ups[name].clear()
            if not await asyncio.to_thread(self._is_worth_a_run, name):
                await self._wake_ups[name].wait()
                continue
            try:
                has_postponed = await self._run_dispatcher(name)
                backoff.reset()
            except UpsampleError as error:
                if self._box_tasks is None:
                    # The run ends. A TaskGroup that is cancelled while it ends with an error tells the error
                    # alone.
                    raise asyncio.CancelledError from None
                if RETRIES[trouble_of(error)].attempts is not None:
                    # For example a refused host key, or a box that is gone from the config: a retry alone
                    # does not help.
                    self._watch(LinkChanged(name, LinkState.STOPPED, str(error)), error)
                    await self._wake_ups[name].wait()
                    continue
                wait = backoff.next()
                self._watch(LinkChanged(name, LinkState.RETRYING, error.problem, wait))
                await backoff.wait(wait, self._wake_ups[name])
                continue
            if has_postponed:
                await full.wait(full.next(), self._wake_ups[name])
            else:
                full.reset()

    def _is_worth_a_run(self, name: str) -> bool:
        """Whether the box has jobs to run; while sending is stopped, only jobs that it has already count."""
        if self.may_send:
            return bool(self._fleet.untaken_for(name) or self._store.to_do(name, most=1))
        return any(not job.state.unsent for job in self._store.to_do(name))

    async def _run_dispatcher(self, name: str) -> bool:
        """Run the jobs of a box; returns whether some were postponed because the box cannot take them now."""
        settings = await asyncio.to_thread(self._settings)
        async with self._changing:
            # Read again: some may have been cancelled or paused in the meantime.
            jobs = await asyncio.to_thread(self._store.to_do, name)
            self._job_changes.mark_as_known(jobs)
            queued = await asyncio.to_thread(self._store.settings_untaken, name)
            queued += [job.settings for job in jobs]
            set_up = await asyncio.to_thread(BoxSetUp.make, name, queued, settings, self._store)
            dispatcher = Dispatcher(
                self._store,
                set_up.box,
                self._asker,
                self._watch,
                may_send=self._may_send,
                alone=False,
                hand_over=self._ahead.get(name, settings.queue.ahead).hands_over(set_up.box.host),
                fetcher=Fetcher() if settings.specs.fetch_media else None,
                member=self._fleet.join(name, set_up.pace, set_up.suits),
            )
            self._dispatchers[name] = dispatcher
        try:
            async with asyncio.TaskGroup() as group:
                adding = group.create_task(self._add_new_until_cancelled(dispatcher, set_up))
                await dispatcher.run(jobs)
                adding.cancel()
        except ExceptionGroup as errors:
            raise first_of(errors) from None
        finally:
            del self._dispatchers[name]
        self._watch(LinkChanged(name, LinkState.CLOSED, ""))
        return dispatcher.has_postponed

    async def _add_new_until_cancelled(self, dispatcher: Dispatcher, set_up: BoxSetUp) -> None:
        """Add newly queued jobs that need no other setup of the box, until this task is cancelled."""
        while True:
            await self._wake_ups[set_up.box.name].wait()
            self._wake_ups[set_up.box.name].clear()
            await self._add_new(dispatcher, set_up)

    async def _add_new(self, dispatcher: Dispatcher, set_up: BoxSetUp) -> None:
        name = set_up.box.name
        joined = 1
        while joined:
            # Not in a thread: a job that ends during the query would look as if it were still to be done.
            # Few at a time, because the query blocks.
            if not set_up.is_same_for(self._store.settings_to_do(name)):
                return
            jobs = self._store.to_do(name, but=dispatcher.numbers, most=_ADDED_AT_ONCE)
            joined = await dispatcher.add(jobs)
            await asyncio.sleep(0)  # let other tasks run
