"""A batch that is handed over: the box has all of it, and does it alone; what waits there can be changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backend.box import backoff, reconnect
from backend.box.asker import UnattendedAsker
from backend.config import load_settings
from backend.dispatch import dispatcher
from backend.dispatch.courier import SENT_AHEAD
from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.reorder import Move, move_jobs
from backend.dispatch.run_or_follow import run_or_follow
from backend.events import Event, HandedOver, JobDone, JobPaused
from backend.planning.orders import Batch, make_jobs
from backend.specs.scan import scan
from backend.store import Job, State, Store
from tests.support.near_box import BOX, NearBox, serving_near
from tests.support.waiting import until

BOUND = 60.0
_SLOTS = 2
_JOBS = 30


@dataclass
class Laptop:
    """A queue of thirty prompts for the box."""

    folder: Path
    store: Store
    events: list[Event] = field(default_factory=list)

    def queue(self) -> list[Job]:
        spec = self.folder / "batch.txt"
        spec.write_text("".join(f"scene {number:02}\n" for number in range(_JOBS)))
        settings = load_settings()
        batch = Batch("h100", settings.boxes["local"], settings.upsampling, self.folder / "out")
        return self.store.queue(make_jobs(scan([spec], self.folder).specs, [spec], batch))

    @contextlib.asynccontextmanager
    async def running(
        self, jobs: list[Job], *, hand_over: bool = True, to_its_end: bool = True
    ) -> AsyncIterator[Dispatcher]:
        """A run that goes on meanwhile; at the end of the block it ends, or is broken off."""
        runs = Dispatcher(
            self.store, BOX, UnattendedAsker(), self.events.append, hand_over=hand_over
        )
        task = asyncio.create_task(
            run_or_follow(self.store, jobs, self.events.append, lambda _: runs)
        )
        try:
            async with asyncio.timeout(BOUND):
                yield runs
                if to_its_end:
                    await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def state(self, job: Job) -> State:
        return self.store.jobs([job.number])[0].state

    def of_kind(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laptop]:
    monkeypatch.setattr(backoff, "FIRST_PAUSE", 0.01)
    # So that the box has them in the order in which they were queued.
    monkeypatch.setattr(dispatcher, "PREPARED_AT_ONCE", 1)
    with closing(Store(tmp_path / "queue.db")) as store:
        yield Laptop(tmp_path, store)


@pytest.fixture
async def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NearBox]:
    """The box of the laptop, at work."""
    async with serving_near(tmp_path / "box", _SLOTS) as box:
        monkeypatch.setattr(reconnect, "open_link", box.open_link)
        yield box


async def test_the_box_gets_all_jobs_while_it_works_on_the_first(
    laptop: Laptop, box: NearBox
) -> None:
    async with laptop.running(laptop.queue()):
        await box.until_told("accepted", _JOBS)
        await until(lambda: laptop.of_kind(HandedOver))
        assert box.told("finished") == []
        box.engine.let()
    assert laptop.of_kind(HandedOver) == [HandedOver("h100", _JOBS)]
    assert len(laptop.of_kind(JobDone)) == _JOBS


@pytest.mark.parametrize(("hand_over", "protocol"), [(False, 5), (True, 4)])
async def test_without_a_hand_over_and_on_an_older_box_the_others_wait_here(
    laptop: Laptop, box: NearBox, hand_over: bool, protocol: int
) -> None:
    box.protocol = protocol
    async with laptop.running(laptop.queue(), hand_over=hand_over):
        await box.until_told("accepted", _SLOTS + SENT_AHEAD)
        await asyncio.sleep(0.3)
        assert len(box.told("accepted")) == _SLOTS + SENT_AHEAD
        box.engine.let()
    assert laptop.of_kind(HandedOver) == []


async def test_the_box_does_all_of_it_without_the_app_and_a_later_one_fetches_everything(
    laptop: Laptop, box: NearBox
) -> None:
    async with laptop.running(laptop.queue(), to_its_end=False):
        await until(lambda: laptop.of_kind(HandedOver))
    box.engine.let()
    await box.until_told("finished", _JOBS)
    async with laptop.running(laptop.store.unended()):
        pass
    assert len(laptop.of_kind(JobDone)) == _JOBS
    assert len(box.engine.begun) == _JOBS


async def test_a_job_that_waits_on_the_box_is_paused_and_done_once_it_is_resumed(
    laptop: Laptop, box: NearBox
) -> None:
    jobs = laptop.queue()
    async with laptop.running(jobs) as runs:
        await until(lambda: laptop.of_kind(HandedOver))
        await runs.pause([jobs[20].number])
        await until(lambda: laptop.state(jobs[20]) is State.PAUSED)
        box.engine.let()
    assert "scene 20" not in box.engine.begun
    assert [event.job for event in laptop.events if isinstance(event, JobPaused)] == [
        jobs[20].number
    ]
    async with laptop.running(laptop.store.resume([jobs[20].number])):
        pass
    assert box.engine.begun.count("scene 20") == 1
    assert laptop.state(jobs[20]) is State.DONE


async def test_another_process_can_pause_what_waits_on_the_box_and_not_what_runs_there(
    laptop: Laptop, box: NearBox
) -> None:
    jobs = laptop.queue()
    async with laptop.running(jobs):
        await until(lambda: laptop.of_kind(HandedOver))
        with closing(Store(laptop.store.path)) as other:
            other.ask_to_pause([jobs[0].number, jobs[9].number])
            await until(lambda: not other.asked_to_pause())
        assert laptop.state(jobs[9]) is State.PAUSED
        assert laptop.state(jobs[0]) is State.RUNNING
        box.engine.let()


async def test_what_waits_on_the_box_is_moved_there(laptop: Laptop, box: NearBox) -> None:
    jobs = laptop.queue()
    async with laptop.running(jobs):
        await until(lambda: laptop.of_kind(HandedOver))
        with closing(Store(laptop.store.path)) as other:
            move_jobs(other, [jobs[25].number], Move.TOP)
        await asyncio.sleep(1.0)
        box.engine.let("scene 00", "scene 01")
        await box.engine.until_running("scene 02", "scene 25")
        box.engine.let()
