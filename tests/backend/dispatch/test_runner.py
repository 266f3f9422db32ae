"""Users cancel, pause, move and retry jobs while a QueueRunner works; the box runs in this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backend.box.asker import UnattendedAsker
from backend.box.links import backoff, reconnect
from backend.config import Ahead, load_settings, user_file
from backend.dispatch import dispatcher
from backend.dispatch.runs.reorder import Move, rearrange
from backend.dispatch.runs.runner import QueueRunner
from backend.dispatch.sending import courier
from backend.errors import QueueError
from backend.events import (
    Event,
    HandedOver,
    JobPaused,
    JobPrepared,
    LinkChanged,
    ResultsWritten,
    WritingFailed,
)
from backend.planning.orders import Batch, make_jobs
from backend.specs.scan import scan
from backend.store import Job, Order, State, Store
from tests.support.finished_jobs import Finisher
from tests.support.near_box import NearBox, serving_near
from tests.support.waiting import until


@dataclass
class Scene:
    """A queue, its runner, and a box with one slot."""

    folder: Path
    store: Store
    box: NearBox
    events: list[Event] = field(default_factory=list)
    running: asyncio.Task[None] = field(init=False)

    def __post_init__(self) -> None:
        self.runner = QueueRunner(self.store, load_settings, UnattendedAsker(), self.events.append)

    def orders(self, *prompts: str, file: str = "batch", box: str = "local") -> list[Order]:
        spec = self.folder / f"{file}.txt"
        spec.write_text("".join(f"{prompt}\n" for prompt in prompts))
        settings = load_settings()
        batch = Batch(box, settings.boxes[box], settings.upsampling, self.folder / "out")
        return make_jobs(scan([spec], self.folder).specs, [spec], batch)

    async def queue(self, *prompts: str, file: str = "batch", box: str = "local") -> list[Job]:
        return await self.runner.queue(self.orders(*prompts, file=file, box=box))

    def states(self, jobs: list[Job]) -> list[State]:
        return [job.state for job in self.store.jobs(job.number for job in jobs)]

    @property
    def prepared(self) -> list[int]:
        return [event.job for event in self.events if isinstance(event, JobPrepared)]

    async def until_states(self, jobs: list[Job], *states: State) -> None:
        await until(lambda: self.states(jobs) == list(states))


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr(backoff, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(courier, "SENT_AHEAD", 0)
    # Two at once may overtake each other.
    monkeypatch.setattr(dispatcher, "PREPARED_AT_ONCE", 1)
    monkeypatch.chdir(tmp_path)
    with closing(Store(tmp_path / "queue.db")) as store:
        async with serving_near(tmp_path / "box", slots=1) as box:
            monkeypatch.setattr(reconnect, "open_link", box.open_link)
            scene = Scene(tmp_path, store, box)
            scene.running = asyncio.create_task(scene.runner.run())
            yield scene
            scene.running.cancel()
            with contextlib.suppress(asyncio.CancelledError, QueueError):
                await scene.running


async def test_a_paused_job_is_passed_over_until_it_is_resumed(scene: Scene) -> None:
    jobs = await scene.queue("one", "two", "three")
    await scene.box.engine.until_running("one")
    await scene.runner.pause([jobs[1].number])
    assert JobPaused(jobs[1].number, jobs[1].name) in scene.events
    scene.box.engine.let()
    await scene.until_states(jobs, State.DONE, State.PAUSED, State.DONE)
    assert scene.box.engine.begun == ["one", "three"]

    await scene.runner.resume([jobs[1].number])
    await scene.until_states(jobs, State.DONE, State.DONE, State.DONE)


async def test_a_job_can_be_paused_and_resumed_within_one_run(scene: Scene) -> None:
    jobs = await scene.queue("one", "two")
    await scene.box.engine.until_running("one")
    for _ in range(2):
        await scene.runner.pause([jobs[1].number])
        await scene.runner.resume([jobs[1].number])
    scene.box.engine.let()
    await scene.until_states(jobs, State.DONE, State.DONE)
    await until(lambda: any(isinstance(event, ResultsWritten) for event in scene.events))
    # The file waited for both.
    written = [event for event in scene.events if isinstance(event, ResultsWritten)]
    assert [line[:10] for line in written[-1].file.read_text().splitlines()] == [
        "A long one",
        "A long two",
    ]


async def test_a_job_that_the_box_has_is_not_paused(scene: Scene) -> None:
    jobs = await scene.queue("one")
    await scene.until_states(jobs, State.RUNNING)
    (job,) = await scene.runner.pause([jobs[0].number])
    assert job.state is State.RUNNING
    scene.box.engine.let()
    await scene.until_states(jobs, State.DONE)


async def test_a_paused_job_can_be_cancelled(scene: Scene) -> None:
    jobs = await scene.queue("one", "two")
    await scene.box.engine.until_running("one")
    await scene.runner.pause([jobs[1].number])
    await scene.runner.cancel([jobs[1].number])
    await scene.until_states(jobs, State.RUNNING, State.CANCELLED)


async def test_another_process_cancels_jobs_of_two_boxes_at_work(scene: Scene) -> None:
    user_file().parent.mkdir(parents=True)
    user_file().write_text('[boxes.other]\nhost = "other"\nengine = "sketch"\n')
    here = await scene.queue("one", "two", "three")
    there = await scene.queue("four", "five", "six", file="others", box="other")
    await scene.box.until_told("accepted", 2)
    await until(lambda: len(scene.prepared) == 6)
    unwanted = [here[1], there[1]]
    with closing(Store(scene.store.path)) as of_another:
        of_another.ask_to_cancel([job.number for job in unwanted])
    await scene.until_states(unwanted, State.CANCELLED, State.CANCELLED)
    scene.box.engine.let()
    await scene.until_states([*here, *there], *[State.DONE, State.CANCELLED, State.DONE] * 2)
    assert sorted(scene.box.engine.begun) == ["four", "one", "six", "three"]


async def test_another_process_cancels_a_paused_job_of_a_box_at_rest(scene: Scene) -> None:
    scene.runner.stop_sending()
    jobs = await scene.queue("one")
    await scene.runner.pause([jobs[0].number])
    with closing(Store(scene.store.path)) as of_another:
        of_another.ask_to_cancel([jobs[0].number])
    await scene.until_states(jobs, State.CANCELLED)


async def test_what_was_cancelled_is_tried_again_at_the_end(scene: Scene) -> None:
    jobs = await scene.queue("one", "two", "three")
    await scene.box.engine.until_running("one")
    await scene.runner.cancel([jobs[0].number])
    await scene.box.engine.until_running("two")
    # One that is prepared sooner would be sent sooner.
    await until(lambda: jobs[2].number in scene.prepared)
    (again,) = await scene.runner.retry([job.number for job in jobs])
    assert again.number == jobs[0].number
    scene.box.engine.let()
    await scene.until_states(jobs, State.DONE, State.DONE, State.DONE)
    assert scene.box.engine.begun == ["one", "two", "three", "one"]


async def test_moved_jobs_are_sent_in_their_new_order(scene: Scene) -> None:
    jobs = await scene.queue("one", "two", "three", "four")
    await scene.box.engine.until_running("one")
    await scene.until_states(jobs, State.RUNNING, *[State.PREPARING] * 3)
    await scene.runner.move([jobs[3].number], Move.TOP)
    await scene.runner.move([jobs[1].number], Move.DOWN)
    scene.box.engine.let()
    await scene.until_states(jobs, *[State.DONE] * 4)
    assert scene.box.engine.begun == ["one", "four", "three", "two"]


async def test_the_new_order_holds_when_the_queue_is_opened_again(scene: Scene) -> None:
    jobs = scene.store.queue(scene.orders("one", "two", "three"))
    await scene.runner.move([jobs[2].number], Move.UP)
    assert [job.prompt for job in scene.store.to_do("local")] == ["one", "three", "two"]


async def test_while_held_what_runs_goes_on_and_nothing_new_is_sent(scene: Scene) -> None:
    jobs = await scene.queue("one", "two")
    await scene.box.engine.until_running("one")
    scene.runner.stop_sending()
    scene.box.engine.let("one")
    await scene.until_states(jobs, State.DONE, State.PREPARING)
    assert not scene.runner.may_send
    assert scene.box.engine.begun == ["one"]
    # Not even after the link was made anew.
    scene.box.cut()
    await until(lambda: sum(isinstance(event, LinkChanged) for event in scene.events) >= 4)
    assert scene.box.engine.begun == ["one"]
    scene.runner.resume_sending()
    scene.box.engine.let()
    await scene.until_states(jobs, State.DONE, State.DONE)


async def test_while_held_no_box_is_called_for_new_work(scene: Scene) -> None:
    scene.runner.stop_sending()
    jobs = await scene.queue("one")
    await scene.runner.cancel([jobs[0].number])
    await scene.until_states(jobs, State.CANCELLED)
    assert scene.box.sent == []
    assert not any(isinstance(event, LinkChanged) for event in scene.events)


async def test_what_is_done_already_has_its_file_written_again(scene: Scene) -> None:
    scene.box.engine.let()
    jobs = await scene.queue("one")
    await until(lambda: any(isinstance(event, ResultsWritten) for event in scene.events))
    jobs[0].destination.unlink()
    (again,) = await scene.queue("one")
    assert again.state is State.DONE
    assert jobs[0].destination.read_text().startswith("A long one")
    assert scene.box.engine.begun == ["one"]


async def test_what_an_earlier_run_left_unwritten_is_written_or_named_at_the_start(
    tmp_path: Path,
) -> None:
    events: list[Event] = []
    with closing(Store(tmp_path / "queue.db")) as store:
        finisher = Finisher(store, tmp_path / "out")
        for name in ("free", "taken"):
            (tmp_path / f"{name}.txt").write_text("dusk\n")
            finisher.finish(tmp_path / f"{name}.txt", "A long dusk.", review=False)
        finisher.out.mkdir()
        (finisher.out / "taken.txt").write_text("mine")
        runner = QueueRunner(store, load_settings, UnattendedAsker(), events.append)
        running = asyncio.create_task(runner.run())
        await until(lambda: len(events) >= 2)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    written = [event.file.name for event in events if isinstance(event, ResultsWritten)]
    failed = [event.file.name for event in events if isinstance(event, WritingFailed)]
    assert (written, failed) == (["free.txt"], ["taken.txt"])
    assert (finisher.out / "free.txt").read_text() == "A long dusk.\n"
    assert (finisher.out / "taken.txt").read_text() == "mine"


async def test_a_queue_that_cannot_be_read_any_more_ends_the_run_in_its_own_words(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged() -> list[Job]:
        raise QueueError("the queue is damaged", "Open upsample again.")

    jobs = await scene.queue("one")
    monkeypatch.setattr(scene.store, "asked_to_pause", damaged)
    with closing(Store(scene.store.path)) as of_another:
        of_another.ask_to_cancel([jobs[0].number])
    with pytest.raises(QueueError, match="damaged"):
        await scene.running


def test_moving_up_keeps_the_order_of_what_is_moved_and_stops_at_the_top() -> None:
    def order(numbers: list[int], move: Move) -> list[int]:
        jobs = [
            Job(
                key=str(n), box="b", file=Path("a"), entry=0, name="n", prompt="p", video=None,
                candidate=0, seed=0, settings="{}", destination=Path("o"), number=n,
                state=State.QUEUED, identity=None, estimate=0, error="", attempts=0, queued=0.0,
                changed=0.0, place=10.0 * n,
            )
            for n in range(1, 6)
        ]  # fmt: skip
        places = {job.number: job.place for job in jobs} | rearrange(jobs, numbers, move)
        return sorted(places, key=lambda n: places[n])

    assert order([3, 4], Move.UP) == [1, 3, 4, 2, 5]
    assert order([1, 2], Move.UP) == [1, 2, 3, 4, 5]
    assert order([1, 3], Move.UP) == [1, 3, 2, 4, 5]
    assert order([1, 2], Move.DOWN) == [3, 1, 2, 4, 5]
    assert order([5], Move.DOWN) == [1, 2, 3, 4, 5]
    assert order([5, 3], Move.TOP) == [3, 5, 1, 2, 4]
    assert order([3, 1], Move.BOTTOM) == [2, 4, 5, 1, 3]


async def test_a_batch_may_be_given_to_its_box_ahead_of_time_and_the_next_one_not(
    scene: Scene,
) -> None:
    first = await scene.queue("one", "two", "three")
    await scene.box.until_told("accepted", 1)
    orders = scene.orders("four", "five", file="second")
    await scene.runner.queue(orders, Ahead.BATCH)
    await scene.box.until_told("accepted", 5)
    await until(lambda: HandedOver("local", 5, is_here=True) in scene.events)
    third = scene.orders("six", "seven", "eight", file="third")
    jobs = await scene.runner.queue(third, Ahead.SLOTS)
    await until(lambda: jobs[2].number in scene.prepared)
    scene.box.engine.let("one", "two")
    await scene.until_states(first, State.DONE, State.DONE, State.RUNNING)
    # One was let through before the box's share changed.
    assert len(scene.box.told("accepted")) <= 6
    scene.box.engine.let()
    await scene.until_states(jobs, *[State.DONE] * 3)
