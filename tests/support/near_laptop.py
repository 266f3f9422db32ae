"""A laptop's side of a `NearBox`: a queue of prompts, and runs of it, which may be broken off."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from backend.box.asker import UnattendedAsker
from backend.config import load_settings
from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.runs.run_or_follow import run_or_follow
from backend.events import Event, JobDone
from backend.planning.orders import Batch, make_jobs
from backend.specs.scan import scan
from backend.store import Job, State, Store
from tests.support.near_box import BOX


@dataclass
class NearLaptop:
    """A queue for the box that stands in for `h100`, and the events of its runs."""

    folder: Path
    store: Store
    events: list[Event] = field(default_factory=list)
    bound: float = 60.0
    """Seconds that a run may take, on a machine with much else to do."""

    def queue(self, *prompts: str, file: str = "batch", box: str = "h100") -> list[Job]:
        """One job a prompt; the prompts are the lines of a file with this stem."""
        spec = self.folder / f"{file}.txt"
        spec.write_text("".join(f"{prompt}\n" for prompt in prompts))
        settings = load_settings()
        batch = Batch(box, settings.boxes["local"], settings.upsampling, self.folder / "out")
        return self.store.queue(make_jobs(scan([spec], self.folder).specs, [spec], batch))

    def dispatcher(self, box: str = "h100", *, hand_over: bool = False) -> Dispatcher:
        """A dispatcher for the box of this name."""
        return Dispatcher(
            self.store,
            replace(BOX, name=box),
            UnattendedAsker(),
            self.events.append,
            hand_over=hand_over,
        )

    async def run(self, jobs: Sequence[Job]) -> None:
        """A run from its beginning to its end."""
        async with self.running(jobs):
            pass

    @contextlib.asynccontextmanager
    async def running(
        self, jobs: Sequence[Job], *, hand_over: bool = False, to_its_end: bool = True
    ) -> AsyncIterator[Dispatcher]:
        """A run that goes on meanwhile; after the block it goes on to its end, or ends as with Ctrl-C."""
        dispatcher = self.dispatcher(jobs[0].box, hand_over=hand_over)
        task = asyncio.create_task(
            run_or_follow(self.store, jobs, self.events.append, lambda _: dispatcher)
        )
        try:
            async with asyncio.timeout(self.bound):
                yield dispatcher
                if to_its_end:
                    await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def interrupted(self, jobs: Sequence[Job]) -> AsyncIterator[None]:
        """A run that ends with Ctrl-C."""
        async with self.running(jobs, to_its_end=False):
            yield

    def again(self, job: Job) -> Job:
        """The job as the queue has it now."""
        return self.store.jobs([job.number])[0]

    def state(self, job: Job) -> State:
        return self.again(job).state

    def of_kind(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def done(self) -> list[int]:
        return [event.job for event in self.events if isinstance(event, JobDone)]
