"""Two boxes share a batch: each takes what it has slots for, and one does what the other cannot."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from backend.box.asker import Asker, UnattendedAsker
from backend.box.links import backoff, reconnect
from backend.box.links.link import Box, JournalCursor, OnStale
from backend.config import load_settings, user_file
from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.fleet import FleetMember
from backend.dispatch.runs.run_fleet import FleetBox, run_fleet
from backend.dispatch.runs.runner import QueueRunner
from backend.errors import BoxUntrusted
from backend.events import AnsweredTwice, Event, JobDone, JobTaken, LinkChanged, LinkState
from backend.planning import sharing
from backend.planning.orders import Batch, make_jobs
from backend.planning.pace import Pace
from backend.results.writing import load_result
from backend.specs.scan import scan
from backend.store import Job, State, Store
from tests.support.near_box import BOX, NearBox, NearLink, serving_near
from tests.support.waiting import until

FLEET = ("fast", "slow")


@dataclass
class Scene:
    """A queue, and two boxes with two slots each."""

    folder: Path
    store: Store
    boxes: dict[str, NearBox]
    events: list[Event] = field(default_factory=list)
    untrusted: set[str] = field(default_factory=set)
    """The boxes whose host key is refused."""

    def open_link(
        self, box: Box, asker: Asker, seen: JournalCursor, *, look: bool, on_stale: OnStale
    ) -> AbstractAsyncContextManager[NearLink]:
        if box.name in self.untrusted:
            raise BoxUntrusted(f"{box.name} has another host key")
        return self.boxes[box.name].open_link(box, asker, seen, look=look, on_stale=on_stale)

    def queue(self, count: int) -> list[Job]:
        spec = self.folder / "batch.txt"
        spec.write_text("".join(f"{number}\n" for number in range(count)))
        settings = load_settings()
        local = settings.boxes["local"]
        batch = Batch(
            "fast",
            local,
            settings.upsampling,
            self.folder / "out",
            fleet=dict.fromkeys(FLEET, local),
        )
        return self.store.queue(make_jobs(scan([spec], self.folder).specs, [spec], batch))

    def made(self, name: str) -> FleetBox:
        def dispatcher(watch: object, member: FleetMember) -> Dispatcher:
            assert callable(watch)
            box = replace(BOX, name=name)
            return Dispatcher(self.store, box, UnattendedAsker(), watch, alone=False, member=member)

        return FleetBox(dispatcher, Pace(None, 2))

    @contextlib.asynccontextmanager
    async def running(self, jobs: list[Job], give_up_after: float = 0.0) -> AsyncIterator[None]:
        """A run; after the block, it goes on to its end."""
        boxes = {name: self.made(name) for name in FLEET}
        run = run_fleet(self.store, jobs, self.events.append, boxes, give_up_after)
        task = asyncio.create_task(run)
        try:
            async with asyncio.timeout(60):
                yield
                await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def now(self, jobs: list[Job]) -> list[Job]:
        return self.store.jobs(job.number for job in jobs)

    def begun(self) -> list[str]:
        return [prompt for box in self.boxes.values() for prompt in box.engine.begun]

    def begins(self, name: str) -> list[str]:
        return self.boxes[name].engine.begun


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr(backoff, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(sharing, "TAKEN_AHEAD", 1)
    monkeypatch.chdir(tmp_path)
    async with AsyncExitStack() as stack:
        store = stack.enter_context(closing(Store(tmp_path / "queue.db")))
        boxes = {
            name: await stack.enter_async_context(serving_near(tmp_path / name, slots=2))
            for name in FLEET
        }
        made = Scene(tmp_path, store, boxes)
        monkeypatch.setattr(reconnect, "open_link", made.open_link)
        yield made


async def test_a_box_that_ends_its_jobs_takes_those_that_a_busy_one_does_not(scene: Scene) -> None:
    jobs = scene.queue(20)
    scene.boxes["fast"].engine.let()
    async with scene.running(jobs):
        await until(lambda: len(scene.begins("slow")) == 2)
        await until(lambda: len(scene.begins("fast")) >= 20 - 3)
        scene.boxes["slow"].engine.let()
    assert {job.state for job in scene.now(jobs)} == {State.DONE}
    assert len(scene.begins("slow")) <= 3
    assert sorted(scene.begun(), key=int) == [str(number) for number in range(20)]
    taken = {event.job: event.box for event in scene.events if isinstance(event, JobTaken)}
    assert {job.number: job.box for job in scene.now(jobs)} == taken


async def test_a_box_that_is_away_keeps_what_it_has_and_gets_no_more(scene: Scene) -> None:
    jobs = scene.queue(20)
    async with scene.running(jobs):
        await until(lambda: len(scene.begins("slow")) == 2)
        slow = scene.boxes["slow"]
        slow.is_down = True
        slow.cut()
        scene.boxes["fast"].engine.let()
        await until(lambda: sum(job.state is State.DONE for job in scene.now(jobs)) >= 17)
        left = [job for job in scene.now(jobs) if job.state is not State.DONE]
        assert {job.box for job in left} == {"slow"}
        slow.is_down = False
        slow.engine.let()
    assert {job.state for job in scene.now(jobs)} == {State.DONE}
    assert len(scene.begun()) == 20


async def test_a_box_that_cannot_be_reached_leaves_everything_to_the_other(scene: Scene) -> None:
    jobs = scene.queue(6)
    scene.boxes["slow"].is_down = True
    scene.boxes["fast"].engine.let()
    async with scene.running(jobs):
        pass
    assert {(job.box, job.state) for job in scene.now(jobs)} == {("fast", State.DONE)}
    states = [e.state for e in scene.events if isinstance(e, LinkChanged) and e.box == "slow"]
    assert LinkState.RETRYING in states


async def test_a_box_that_is_refused_leaves_everything_to_the_other(scene: Scene) -> None:
    jobs = scene.queue(6)
    scene.untrusted.add("slow")
    scene.boxes["fast"].engine.let()
    async with scene.running(jobs):
        pass
    assert {(job.box, job.state) for job in scene.now(jobs)} == {("fast", State.DONE)}
    stopped = [
        e for e in scene.events if isinstance(e, LinkChanged) and e.state is LinkState.STOPPED
    ]
    assert [(event.box, event.detail) for event in stopped] == [
        ("slow", "slow has another host key")
    ]


async def test_what_no_box_has_taken_is_cancelled_and_paused_here(scene: Scene) -> None:
    jobs = scene.queue(20)
    cancelled, paused = jobs[18].number, jobs[19].number
    async with scene.running(jobs):
        await until(lambda: len(scene.begun()) == 4)
        with closing(Store(scene.store.path)) as other:
            other.ask_to_cancel([cancelled])
            other.ask_to_pause([paused])
        await until(lambda: scene.store.jobs([paused])[0].state is State.PAUSED)
        for box in scene.boxes.values():
            box.engine.let()
    states = {job.number: job.state for job in scene.now(jobs)}
    assert (states.pop(cancelled), states.pop(paused)) == (State.CANCELLED, State.PAUSED)
    assert set(states.values()) == {State.DONE}
    assert len(scene.begun()) == 18


async def test_a_run_after_a_broken_off_one_repeats_nothing(scene: Scene) -> None:
    jobs = scene.queue(12)
    with contextlib.suppress(RuntimeError):
        async with scene.running(jobs):
            await until(lambda: len(scene.begun()) == 4)
            raise RuntimeError("killed")
    for box in scene.boxes.values():
        box.engine.let()
    async with scene.running(jobs):
        pass
    assert {job.state for job in scene.now(jobs)} == {State.DONE}
    assert sorted(scene.begun(), key=int) == [str(number) for number in range(12)]


# --- another box ---------------------------------------------------------------------------------


def reassign(scene: Scene, jobs: list[Job], box: str) -> None:
    """As another process does it."""
    with closing(Store(scene.store.path)) as other:
        other.reassign([job.number for job in jobs], box)


async def with_slow_box_away(scene: Scene, jobs: list[Job]) -> list[Job]:
    """Everything is done that the fast box can do; returns what the slow one has."""
    await until(lambda: len(scene.begins("slow")) == 2)
    scene.boxes["slow"].is_down = True
    scene.boxes["slow"].cut()
    scene.boxes["fast"].engine.let()

    def left() -> list[Job]:
        return [job for job in scene.now(jobs) if job.state is not State.DONE]

    await until(lambda: len(left()) <= 4)
    return left()


async def test_what_a_dead_box_had_is_done_by_the_one_that_it_is_given_to(scene: Scene) -> None:
    jobs = scene.queue(20)
    async with scene.running(jobs):
        left = await with_slow_box_away(scene, jobs)
        assert left
        reassign(scene, left, "fast")
    assert {(job.box, job.state) for job in scene.now(jobs)} == {("fast", State.DONE)}
    again = {prompt for prompt in scene.begun() if scene.begun().count(prompt) > 1}
    assert again <= set(scene.begins("slow"))
    written = (scene.folder / "out" / "batch.txt").read_text()
    assert written.count("\n") == 20


async def test_the_answer_of_the_first_box_counts_when_it_is_back_before_the_other_has_answered(
    scene: Scene,
) -> None:
    jobs = scene.queue(4)
    slow, fast = scene.boxes["slow"], scene.boxes["fast"]
    async with scene.running(jobs):
        await until(lambda: len(scene.begun()) == 4)
        of_slow = [job for job in scene.now(jobs) if job.box == "slow"]
        slow.is_down = True
        slow.cut()
        reassign(scene, of_slow[:1], "fast")
        number = of_slow[0].number
        await until(lambda: scene.store.jobs([number])[0].box == "fast")
        slow.is_down = False
        slow.engine.let()
        await until(lambda: scene.store.jobs([number])[0].state is State.DONE)
        (job,) = scene.store.jobs([number])
        assert job.box == "slow"
        fast.engine.let()
    assert {job.state for job in scene.now(jobs)} == {State.DONE}
    assert sum(isinstance(event, JobDone) for event in scene.events) == 4
    assert len(scene.store.jobs()) == 4


async def test_a_second_answer_is_kept_as_a_candidate_and_said(scene: Scene) -> None:
    jobs = scene.queue(20)
    async with scene.running(jobs):
        left = await with_slow_box_away(scene, jobs)
        given = left[0]
        reassign(scene, [given], "fast")
        await until(lambda: scene.store.jobs([given.number])[0].state is State.DONE)
        scene.boxes["slow"].is_down = False
        scene.boxes["slow"].engine.let()
        await until(lambda: any(isinstance(event, AnsweredTwice) for event in scene.events))
        await until(lambda: scene.store.left_behind("slow") == [])
    (twice,) = [event for event in scene.events if isinstance(event, AnsweredTwice)]
    assert (twice.job, twice.box) == (given.number, "slow")
    (kept,) = scene.store.jobs([twice.candidate])
    assert (kept.box, kept.state, kept.held, kept.entry) == ("slow", State.DONE, True, given.entry)
    assert scene.store.jobs([given.number])[0].box == "fast"
    assert load_result(scene.store, kept).prompt


# --- in the app ----------------------------------------------------------------------------------


async def test_the_app_shares_a_batch_among_its_boxes(scene: Scene) -> None:
    fleet = "[boxes.fast]\nhost = 'one'\nengine = 'sketch'\n[boxes.slow]\nhost = 'two'\nengine = 'sketch'\n"
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text(fleet)
    runner = QueueRunner(scene.store, load_settings, UnattendedAsker(), scene.events.append)
    running = asyncio.create_task(runner.run())
    try:
        jobs = scene.queue(12)
        with closing(Store(scene.store.path)) as other:
            other.queue(jobs)  # as another process does it
        await until(lambda: len(scene.begun()) == 4)
        assert len(scene.begins("fast")) == len(scene.begins("slow")) == 2
        untaken = [job.number for job in scene.now(jobs) if job.is_untaken]
        await runner.pause(untaken[:1])
        await runner.cancel(untaken[1:2])
        scene.boxes["fast"].engine.let()
        await until(lambda: sum(job.state is State.DONE for job in scene.now(jobs)) >= 6)
        scene.boxes["slow"].engine.let()
        await until(lambda: sum(job.state is State.DONE for job in scene.now(jobs)) == 10)
        (given,) = await runner.reassign(untaken[:1], "slow")
        assert (given.box, given.fleet, given.state) == ("slow", "", State.PAUSED)
        await runner.resume(untaken[:1])
        await until(lambda: sum(job.state is State.DONE for job in scene.now(jobs)) == 11)
        assert scene.store.jobs(untaken[:1])[0].box == "slow"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert len(scene.begun()) == 11
    assert {job.box for job in scene.now(jobs)} == {"fast", "slow"}
