"""Keeps every box that has work busy, for as long as a front end is open.

`--no-ui` sees one batch through with one Dispatcher. An app goes on: jobs are added while others run, on
any box, and a box that cannot be reached now is tried again. This is what it holds for that; closing it
loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence

from backend.box.asker import Asker
from backend.box.backoff import Backoff
from backend.box.link import Box
from backend.box.setup import make_box
from backend.config import Settings
from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.follow import News
from backend.dispatch.ledger import Ledger
from backend.dispatch.lock import dispatcher_lock
from backend.dispatch.poll import poll_queue_changes
from backend.dispatch.reorder import Move, move_jobs
from backend.dispatch.retries import RETRIES, TroubleKind, trouble_of
from backend.errors import QueueTaken, UpsampleError, first_of
from backend.events import DispatcherChanged, Event, JobPaused, LinkChanged, LinkState, QueueChanged
from backend.planning.orders import same_frames_together
from backend.store import Job, Order, State, Store

_ADDED_AT_ONCE = 500
_TRY_SECONDS = 1.0
"""Between two tries to take over the queue."""


class QueueRunner:
    """Works on the whole queue. For one run."""

    def __init__(
        self,
        store: Store,
        settings: Callable[[], Settings],
        asker: Asker,
        watch: Callable[[Event], None],
    ) -> None:
        """`settings` are asked for anew when a box is taken up; `watch` hears of everything."""
        self._store = store
        self._settings = settings
        self._asker = asker
        self._watch = watch
        self._news: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._news_of_queue = News(store)
        self._looks_on = False
        self._keepers: asyncio.TaskGroup | None = None
        self._kept: set[str] = set()
        self._dispatchers: dict[str, Dispatcher] = {}
        """By box: what works on its jobs right now."""
        self._go = asyncio.Event()
        self._go.set()
        self._changing = asyncio.Lock()
        """Held while jobs are taken out of the runs, or put back, so that neither overtakes the other."""

    async def run(self) -> None:
        """Work until cancelled. While another process works on the queue, look on, and then take over.

        QueueChanged tells what others did; DispatcherChanged who works on it, if that is not this one. Raises
        QueueError when the queue cannot be used any more.
        """
        holder = ""
        while True:
            try:
                with dispatcher_lock(self._store):
                    self._looks_on = False
                    if holder:
                        self._watch(DispatcherChanged(""))
                    async with asyncio.TaskGroup() as keepers:
                        self._keepers = keepers
                        for box in await asyncio.to_thread(self._store.boxes_with_work):
                            self._keep(box)
                        await poll_queue_changes(self._store, self._heed)
            except ExceptionGroup as errors:
                raise first_of(errors) from None
            except QueueTaken as taken:
                self._looks_on = True
                if holder != taken.holder:
                    holder = taken.holder
                    self._watch(DispatcherChanged(holder))
            await self._look_on()

    @property
    def works(self) -> bool:
        """Whether it falls to this one to work on the queue; else it looks on, and asks for changes."""
        return not self._looks_on

    async def _look_on(self) -> None:
        """Tell what the process does that works on the queue, for a moment."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TRY_SECONDS):
                await poll_queue_changes(self._store, self._tell_news)

    async def queue(self, orders: Sequence[Order]) -> list[Job]:
        """Put these into the queue and set to work on them.

        Returns the jobs as they stand there. One that is done already has its result written, and is
        not done again.
        """
        together = same_frames_together(orders)
        jobs = await asyncio.to_thread(self._store.queue, together)
        self._news_of_queue.take_as_known(jobs)
        done = [job for job in jobs if job.state is State.DONE]
        for box in {job.box for job in done}:
            ledger = Ledger(self._store, box, self._watch, force=False)
            await ledger.take_up([job for job in done if job.box == box])
        for box in {job.box for job in jobs}:
            self._keep(box)
        return jobs

    # --- what the user asks for ---

    async def cancel(self, numbers: Collection[int]) -> None:
        """Cancel these jobs, wherever they are. JobCancelled tells when it is so.

        What a box has is cancelled there when the box is reached, by the next run if need be.
        """
        await asyncio.to_thread(self._store.ask_to_cancel, numbers)
        if not self.works:
            return
        async with self._changing:
            jobs = await self._jobs(numbers)
            for box in {job.box for job in jobs}:
                if box in self._dispatchers:
                    await self._dispatchers[box].cancel(numbers)
                else:
                    await self._cancel_here(box, jobs)
                self._keep(box)

    async def retry(self, numbers: Collection[int]) -> list[Job]:
        """Queue those of these jobs again that failed or were cancelled; returns them."""
        ended = (State.FAILED, State.CANCELLED)
        return await self.queue([job for job in await self._jobs(numbers) if job.state in ended])

    async def pause(self, numbers: Collection[int]) -> list[Job]:
        """Let these jobs wait until they are resumed; JobPaused tells of each that does.

        Those that are on their way to a box or ended already are left as they are: what runs can be
        cancelled, not paused. Returns all of them as they stand now.
        """
        if not self.works:
            await asyncio.to_thread(self._store.ask_to_pause, numbers)
            return await self._jobs(numbers)
        async with self._changing:
            jobs = await self._jobs(numbers)
            for box in {job.box for job in jobs}:
                if box in self._dispatchers:
                    await self._dispatchers[box].pause(numbers)
                else:
                    await self._pause_here([job.number for job in jobs if job.box == box])
        return await self._jobs(numbers)

    async def resume(self, numbers: Collection[int]) -> list[Job]:
        """Let paused jobs go on; returns all of these as they stand now."""
        async with self._changing:
            resumed = await asyncio.to_thread(self._store.resume, numbers)
            self._news_of_queue.take_as_known(resumed)
            for box in {job.box for job in resumed}:
                self._keep(box)
        return await self._jobs(numbers)

    async def move(self, numbers: Collection[int], move: Move) -> list[Job]:
        """Change the order of the jobs that are not sent yet; returns those that stand elsewhere now."""
        _, moved = await asyncio.to_thread(move_jobs, self._store, numbers, move)
        places = await asyncio.to_thread(self._store.places)
        for dispatcher in self._dispatchers.values():
            dispatcher.arrange(places)
        return await self._jobs(moved)

    @property
    def is_held(self) -> bool:
        """Whether nothing new is sent."""
        return not self._go.is_set()

    def hold(self) -> None:
        """Send nothing new, to no box, until `let_go`; what is sent goes on."""
        self._go.clear()

    def let_go(self) -> None:
        """Send again."""
        self._go.set()
        for news in self._news.values():
            news.set()

    def try_again(self, box: str) -> None:
        """The user changed something, or asks: do not wait for the next try."""
        self._keep(box)

    async def _pause_here(self, numbers: Collection[int]) -> None:
        """Pause jobs of a box that no dispatcher works for now."""
        for job in await asyncio.to_thread(self._store.pause_unsent, numbers):
            self._watch(JobPaused(job.number, job.name))

    async def _cancel_here(self, box: str, jobs: Iterable[Job]) -> None:
        """Cancel jobs of a box that no dispatcher works for now, unless a box has them."""
        of_box = [job for job in jobs if job.box == box and job.state.unsent]
        ledger = Ledger(self._store, box, self._watch, force=False)
        for job in of_box:
            ledger.adopt(job)
        await ledger.cancel(of_box)

    async def _jobs(self, numbers: Collection[int]) -> list[Job]:
        return await asyncio.to_thread(self._store.jobs, list(numbers))

    # --- the work ---

    async def _heed(self) -> None:
        """Do what other processes asked for, and take up what they queued."""
        asked = [job.number for job in await asyncio.to_thread(self._store.asked_to_pause)]
        if asked:
            await self.pause(asked)
            # What is on its way already is not paused, and whoever asked sees that.
            await asyncio.to_thread(self._store.withdraw_pauses, asked)
        places = await asyncio.to_thread(self._store.places)
        for dispatcher in self._dispatchers.values():
            dispatcher.arrange(places)
        to_do = [job for job in await self._tell_news() if job.state is State.QUEUED]
        to_cancel = await asyncio.to_thread(self._store.asked_to_cancel)
        async with self._changing:
            for box in {job.box for job in to_cancel} - self._dispatchers.keys():
                await self._cancel_here(box, to_cancel)
        for box in {job.box for job in (*to_do, *to_cancel)}:
            self._keep(box)

    async def _tell_news(self) -> list[Job]:
        jobs = await asyncio.to_thread(self._news_of_queue.look)
        if jobs:
            self._watch(QueueChanged(tuple(job.number for job in jobs)))
        return jobs

    def _keep(self, box: str) -> None:
        self._news[box].set()
        if self._keepers is not None and box not in self._kept:
            self._kept.add(box)
            self._keepers.create_task(self._keep_busy(box))

    async def _keep_busy(self, name: str) -> None:
        backoff, full = Backoff(), Backoff(pauses=RETRIES[TroubleKind.DISK].pauses)
        while True:
            self._news[name].clear()
            if not await asyncio.to_thread(self._is_worth_a_run, name):
                await self._news[name].wait()
                continue
            try:
                has_postponed = await self._work(name)
                backoff.reset()
            except UpsampleError as error:
                if RETRIES[trouble_of(error)].attempts is not None:
                    # A refused host key, a box that is gone from the config: trying alone helps nothing.
                    self._watch(LinkChanged(name, LinkState.STOPPED, str(error)))
                    await self._news[name].wait()
                    continue
                wait = backoff.next()
                self._watch(LinkChanged(name, LinkState.RETRYING, error.problem, wait))
                await backoff.wait(wait, self._news[name])
                continue
            if has_postponed:
                await full.wait(full.next(), self._news[name])
            else:
                full.reset()

    def _is_worth_a_run(self, name: str) -> bool:
        """While nothing new is sent, only what a box has already is."""
        if self.is_held:
            return any(not job.state.unsent for job in self._store.to_do(name))
        return bool(self._store.to_do(name, most=1))

    async def _work(self, name: str) -> bool:
        """Returns whether jobs were left that the box cannot take now."""
        settings = await asyncio.to_thread(self._settings)
        async with self._changing:
            # Asked for again: some may have been cancelled or paused since.
            jobs = await asyncio.to_thread(self._store.to_do, name)
            box = make_box(*settings.box_named(name), settings, {job.settings for job in jobs})
            dispatcher = Dispatcher(
                self._store, box, self._asker, self._watch, go=self._go, alone=False
            )
            self._dispatchers[name] = dispatcher
        try:
            async with asyncio.TaskGroup() as group:
                adding = group.create_task(self._keep_adding(dispatcher, box, settings))
                await dispatcher.run(jobs)
                adding.cancel()
        except ExceptionGroup as errors:
            raise first_of(errors) from None
        finally:
            del self._dispatchers[name]
        self._watch(LinkChanged(name, LinkState.CLOSED, ""))
        return dispatcher.has_postponed

    async def _keep_adding(self, dispatcher: Dispatcher, box: Box, settings: Settings) -> None:
        """Jobs queued for the box that can be done as it is set up join the others, until cancelled."""
        while True:
            await self._news[box.name].wait()
            self._news[box.name].clear()
            await self._add_new(dispatcher, box, settings)

    async def _add_new(self, dispatcher: Dispatcher, box: Box, settings: Settings) -> None:
        joined = 1
        while joined:
            # Not in a thread: a job that ends meanwhile would be taken for one to be done. So few at a
            # time.
            queued = self._store.settings_to_do(box.name)
            if make_box(*settings.box_named(box.name), settings, queued) != box:
                return
            jobs = self._store.to_do(box.name, but=dispatcher.numbers, most=_ADDED_AT_ONCE)
            joined = await dispatcher.add(jobs)
            await asyncio.sleep(0)  # others have their turn
