"""Keeps every box that has work busy, for as long as a front end is open.

`--no-ui` sees one batch through with one Dispatcher. An app goes on: jobs are added while others run, on
any box, and a box that cannot be reached now is tried again. This is what it holds for that; closing it
loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence

from backend.arrange import Move, rearrange
from backend.box.asker import Asker
from backend.box.link import Box
from backend.boxes import make_box
from backend.config import Settings
from backend.dispatch import FIRST_PAUSE, LONGEST_PAUSE, Dispatcher
from backend.errors import BoxUnreachable, UpsampleError
from backend.events import Event, LinkChanged, LinkState
from backend.ledger import Ledger
from backend.orders import same_frames_together
from backend.sole_dispatcher import sole_dispatcher
from backend.store import Job, Order, State, Store


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
        self._keepers: asyncio.TaskGroup | None = None
        self._kept: set[str] = set()
        self._dispatchers: dict[str, Dispatcher] = {}
        """By box: what works on its jobs right now."""
        self._go = asyncio.Event()
        self._go.set()
        self._changing = asyncio.Lock()
        """Held while jobs are taken out of the runs, or put back, so that neither overtakes the other."""

    async def run(self) -> None:
        """Work until cancelled. Raises QueueError when another process works on the queue."""
        with sole_dispatcher(self._store):
            async with asyncio.TaskGroup() as self._keepers:
                await self._look_at_queue()
                await asyncio.get_running_loop().create_future()

    async def queue(self, orders: Sequence[Order]) -> list[Job]:
        """Put these into the queue and set to work on them.

        Returns the jobs as they stand there. One that is done already has its result written, and is
        not done again.
        """
        together = same_frames_together(orders)
        jobs = await asyncio.to_thread(self._store.queue, together)
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
        async with self._changing:
            jobs = await self._jobs(numbers)
            for box in {job.box for job in jobs}:
                if box in self._dispatchers:
                    await self._dispatchers[box].cancel(numbers)
                else:
                    await self._change_here(box, jobs, Ledger.cancel)
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
        async with self._changing:
            jobs = await self._jobs(numbers)
            for box in {job.box for job in jobs}:
                if box in self._dispatchers:
                    await self._dispatchers[box].pause(numbers)
                else:
                    await self._change_here(box, jobs, Ledger.pause)
        return await self._jobs(numbers)

    async def resume(self, numbers: Collection[int]) -> list[Job]:
        """Let paused jobs go on; returns all of these as they stand now."""
        async with self._changing:
            paused = [job for job in await self._jobs(numbers) if job.state is State.PAUSED]
            for job in paused:
                await asyncio.to_thread(self._store.set_state, job.number, State.QUEUED)
            for box in {job.box for job in paused}:
                self._keep(box)
        return await self._jobs(numbers)

    async def move(self, numbers: Collection[int], move: Move) -> list[Job]:
        """Change the order of the jobs that are not sent yet; returns those that stand elsewhere now."""
        waiting = [job for job in await asyncio.to_thread(self._store.unended) if job.state.unsent]
        waiting.sort(key=lambda job: (job.place, job.number))
        places = rearrange(waiting, numbers, move)
        await asyncio.to_thread(self._store.set_places, places)
        for dispatcher in self._dispatchers.values():
            dispatcher.arrange(places)
        return await self._jobs(places)

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

    async def _change_here(
        self,
        box: str,
        jobs: Iterable[Job],
        change: Callable[[Ledger, Iterable[Job]], Awaitable[None]],
    ) -> None:
        """Change jobs of a box that nobody works on now, as far as no box has them."""
        of_box = [job for job in jobs if job.box == box and job.state.unsent]
        ledger = Ledger(self._store, box, self._watch, force=False)
        for job in of_box:
            ledger.adopt(job)
        await change(ledger, of_box)

    async def _jobs(self, numbers: Collection[int]) -> list[Job]:
        return await asyncio.to_thread(self._store.jobs, list(numbers))

    # --- the work ---

    async def _look_at_queue(self) -> None:
        for box in {job.box for job in await asyncio.to_thread(self._store.unended)}:
            self._keep(box)

    def _keep(self, box: str) -> None:
        self._news[box].set()
        if self._keepers is not None and box not in self._kept:
            self._kept.add(box)
            self._keepers.create_task(self._keep_busy(box))

    async def _keep_busy(self, name: str) -> None:
        pause = FIRST_PAUSE
        while True:
            self._news[name].clear()
            jobs = await asyncio.to_thread(self._store.to_do, name)
            if not self._is_worth_a_run(jobs):
                await self._news[name].wait()
                continue
            try:
                await self._work(name)
                pause = FIRST_PAUSE
            except BoxUnreachable as error:
                wait = pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreads reconnects, no secret
                self._watch(LinkChanged(name, LinkState.RETRYING, error.problem, wait))
                pause = min(pause * 2, LONGEST_PAUSE)
                await self._news_or(name, wait)
            except UpsampleError as error:
                # A refused host key, a box that is gone from the config: trying alone helps nothing.
                self._watch(LinkChanged(name, LinkState.STOPPED, str(error)))
                await self._news[name].wait()

    def _is_worth_a_run(self, jobs: Sequence[Job]) -> bool:
        """While nothing new is sent, only what a box has already is."""
        return bool(jobs) and (not self.is_held or any(not job.state.unsent for job in jobs))

    async def _work(self, name: str) -> None:
        settings = await asyncio.to_thread(self._settings)
        async with self._changing:
            # Asked for again: some may have been cancelled or paused since.
            jobs = await asyncio.to_thread(self._store.to_do, name)
            box = make_box(*settings.box_named(name), settings, jobs)
            dispatcher = Dispatcher(self._store, box, self._asker, self._watch, go=self._go)
            self._dispatchers[name] = dispatcher
        try:
            async with self._adding(dispatcher, box, settings):
                await dispatcher.run(jobs)
        finally:
            del self._dispatchers[name]

    @contextlib.asynccontextmanager
    async def _adding(
        self, dispatcher: Dispatcher, box: Box, settings: Settings
    ) -> AsyncIterator[None]:
        """Meanwhile, jobs that are queued for the box and can be done as it is set up join the others."""

        async def add() -> None:
            while True:
                await self._news[box.name].wait()
                self._news[box.name].clear()
                # Not in a thread: a job that ends meanwhile would be taken for one to be done.
                jobs = self._store.to_do(box.name)
                if make_box(*settings.box_named(box.name), settings, jobs) == box:
                    await dispatcher.add(jobs)

        adding = asyncio.create_task(add())
        try:
            yield
        finally:
            adding.cancel()
            await asyncio.gather(adding, return_exceptions=True)

    async def _news_or(self, name: str, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news[name].wait()
