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
from collections.abc import AsyncIterator, Callable, Sequence

from backend.box.asker import Asker
from backend.box.link import Box
from backend.boxes import make_box
from backend.config import Settings
from backend.dispatch import FIRST_PAUSE, LONGEST_PAUSE, Dispatcher
from backend.errors import BoxUnreachable, UpsampleError
from backend.events import Event, LinkChanged, LinkState
from backend.sole_dispatcher import sole_dispatcher
from backend.store import Job, Order, Store


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

    async def run(self) -> None:
        """Work until cancelled. Raises QueueError when another process works on the queue."""
        with sole_dispatcher(self._store):
            async with asyncio.TaskGroup() as self._keepers:
                await self._look_at_queue()
                await asyncio.get_running_loop().create_future()

    async def queue(self, orders: Sequence[Order]) -> list[Job]:
        """Put these into the queue and set to work on them."""
        jobs = await asyncio.to_thread(self._store.queue, orders)
        for box in {job.box for job in jobs}:
            self._keep(box)
        return jobs

    def try_again(self, box: str) -> None:
        """The user changed something, or asks: do not wait for the next try."""
        self._keep(box)

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
            jobs = await asyncio.to_thread(self._store.unended, name)
            if not jobs:
                await self._news[name].wait()
                continue
            try:
                await self._work(name, jobs)
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

    async def _work(self, name: str, jobs: Sequence[Job]) -> None:
        settings = await asyncio.to_thread(self._settings)
        box = make_box(*settings.box_named(name), settings, jobs)
        dispatcher = Dispatcher(self._store, box, self._asker, self._watch)
        async with self._adding(dispatcher, box, settings):
            await dispatcher.run(jobs)

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
                jobs = self._store.unended(box.name)
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
