"""Tests of cancelling during a run: unsent jobs end in the queue, sent jobs on the box, other jobs go on."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backend.box.links import backoff, reconnect
from backend.dispatch import dispatcher as dispatch
from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.jobs import result_files
from backend.dispatch.preparing.prepare import Preparer, Ready
from backend.dispatch.sending.courier import SENT_AHEAD
from backend.events import JobCancelled
from backend.results.undelivered import undelivered
from backend.store import Due, Job, State, Store
from remote.protocol import Cancel, Submit
from tests.support.near_box import NearBox, serving_near
from tests.support.near_laptop import NearLaptop
from tests.support.waiting import until

BOUND = 30.0
_SLOTS = 2


@dataclass
class Scene(NearLaptop):
    """A queue of prompts, and the box that they are for."""

    box: NearBox = field(kw_only=True)

    async def until(self, state: State, *jobs: Job) -> None:
        await until(lambda: all(self.state(job) is state for job in jobs))

    def cancelled(self) -> list[int]:
        return [event.job for event in self.events if isinstance(event, JobCancelled)]


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr(backoff, "FIRST_PAUSE", 0.01)
    # So that the box has them in the order in which they were queued.
    monkeypatch.setattr(dispatch, "PREPARED_AT_ONCE", 1)
    with closing(Store(tmp_path / "queue.db")) as store:
        async with serving_near(tmp_path / "box", _SLOTS) as box:
            monkeypatch.setattr(reconnect, "open_link", box.open_link)
            yield Scene(tmp_path, store, bound=BOUND, box=box)


# --- where a job may be --------------------------------------------------------------------------


async def test_a_running_job_is_cancelled_and_its_slot_goes_to_the_next(scene: Scene) -> None:
    jobs = scene.queue("one", "two", "three", "four")
    async with scene.running(jobs) as dispatcher:
        await scene.box.engine.until_running("one", "two")
        await dispatcher.cancel([jobs[0].number])
        await scene.box.engine.until_running("two", "three")
        scene.box.engine.let()

    assert scene.cancelled() == [jobs[0].number]
    assert Counter(scene.done()) == Counter(job.number for job in jobs[1:])
    assert scene.state(jobs[0]) is State.CANCELLED
    assert len(scene.box.told("cancelled")) == 1
    assert len(scene.box.told("finished")) == 3


async def test_a_job_that_waits_on_the_box_is_cancelled_before_it_begins(scene: Scene) -> None:
    jobs = scene.queue("one", "two", "three")
    async with scene.running(jobs) as dispatcher:
        await scene.until(State.SENT, jobs[2])
        await dispatcher.cancel([jobs[2].number])
        await scene.until(State.CANCELLED, jobs[2])
        scene.box.engine.let()

    assert sorted(scene.box.engine.begun) == ["one", "two"]


async def test_a_job_that_was_not_sent_is_cancelled_here(scene: Scene) -> None:
    jobs = scene.queue(*(f"scene {n}" for n in range(8)))
    async with scene.running(jobs) as dispatcher:
        await scene.box.until_told("accepted", _SLOTS + SENT_AHEAD)
        await dispatcher.cancel([jobs[6].number])
        await scene.until(State.CANCELLED, jobs[6])
        scene.box.engine.let()

    assert len(scene.box.told("accepted")) == len(scene.done()) == 7
    assert not any(isinstance(message, Cancel) for message in scene.box.sent)


async def test_another_process_can_ask_for_it(scene: Scene) -> None:
    jobs = scene.queue("one", "two")
    async with scene.running(jobs):
        await scene.box.engine.until_running("one", "two")
        with closing(Store(scene.store.path)) as of_another:
            of_another.ask_to_cancel([jobs[1].number])
        await scene.box.engine.until_running("one")
        scene.box.engine.let()

    assert scene.cancelled() == [jobs[1].number]
    assert scene.store.asked_to_cancel() == []


async def test_all_jobs_of_a_run_can_be_cancelled(scene: Scene) -> None:
    jobs = scene.queue(*(f"scene {n}" for n in range(8)))
    async with scene.running(jobs) as dispatcher:
        await scene.box.until_told("accepted", 3)
        await dispatcher.cancel(job.number for job in jobs)

    assert sorted(scene.cancelled()) == [job.number for job in jobs]
    assert scene.box.board.unfinished == 0


async def test_a_cancel_that_comes_too_late_leaves_the_result(scene: Scene) -> None:
    jobs = scene.queue("one", "two")
    async with scene.running(jobs) as dispatcher:
        await scene.box.engine.until_running("one", "two")
        scene.box.hears.clear()
        scene.box.engine.let("one")
        await scene.box.until_told("finished")
        await dispatcher.cancel([jobs[0].number])
        await until(lambda: any(isinstance(message, Cancel) for message in scene.box.sent))
        scene.box.hears.set()
        scene.box.engine.let()

    assert scene.cancelled() == []
    assert sorted(scene.done()) == [job.number for job in jobs]
    assert scene.store.asked_to_cancel() == []


# --- links that break ----------------------------------------------------------------------------


async def test_without_a_link_the_box_is_told_after_the_next_connection(scene: Scene) -> None:
    jobs = scene.queue("one", "two", "three")
    async with scene.running(jobs) as dispatcher:
        await scene.until(State.RUNNING, *jobs[:2])
        scene.box.is_down = True
        scene.box.cut()
        await dispatcher.cancel([jobs[0].number])
        await asyncio.sleep(0.1)
        assert scene.cancelled() == []
        scene.box.is_down = False
        await scene.box.engine.until_running("two", "three")
        scene.box.engine.let()

    assert scene.cancelled() == [jobs[0].number]


async def test_an_answer_to_a_cancel_that_is_lost_with_the_link_is_heard_after_it(
    scene: Scene,
) -> None:
    jobs = scene.queue("one", "two")
    async with scene.running(jobs) as dispatcher:
        await scene.until(State.RUNNING, *jobs)
        scene.box.hears.clear()
        await dispatcher.cancel([jobs[0].number])
        await scene.box.until_told("cancelled")
        scene.box.cut()
        scene.box.hears.set()
        scene.box.engine.let()

    assert scene.cancelled() == [jobs[0].number]
    assert scene.done() == [jobs[1].number]


async def test_what_may_have_reached_the_box_is_cancelled_there(scene: Scene) -> None:
    """The link broke before the box could say that it has the job."""
    (job,) = scene.queue("one")
    scene.box.hears.clear()
    async with scene.running([job]) as dispatcher:
        await scene.box.until_told("accepted")
        scene.box.is_down = True
        scene.box.cut()
        scene.box.hears.set()
        await dispatcher.cancel([job.number])
        await asyncio.sleep(0.1)
        scene.box.is_down = False

    assert scene.cancelled() == [job.number]
    assert scene.box.board.unfinished == 0
    assert scene.box.told("finished") == []


# --- one request for several jobs ----------------------------------------------------------------


async def test_a_request_is_cancelled_only_for_all_of_its_jobs(scene: Scene) -> None:
    twins = scene.queue("one", file="a") + scene.queue("one", file="b")
    async with scene.running(twins) as dispatcher:
        await scene.until(State.RUNNING, *twins)
        await dispatcher.cancel([twins[0].number])
        await scene.until(State.CANCELLED, twins[0])
        assert scene.box.told("cancelled") == []
        scene.box.engine.let()

    assert (scene.cancelled(), scene.done()) == ([twins[0].number], [twins[1].number])


async def test_a_request_that_nobody_wants_any_more_is_cancelled(scene: Scene) -> None:
    twins = scene.queue("one", file="a") + scene.queue("one", file="b")
    async with scene.running(twins) as dispatcher:
        await scene.until(State.RUNNING, *twins)
        await dispatcher.cancel([twins[1].number])
        await scene.until(State.CANCELLED, twins[1])
        await dispatcher.cancel([twins[0].number])

    assert scene.cancelled() == [twins[1].number, twins[0].number]
    assert len(scene.box.told("cancelled")) == 1


async def test_a_job_that_comes_to_a_request_being_cancelled_is_done_all_the_same(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, twin = scene.queue("one", file="a") + scene.queue("one", file="b")
    comes = asyncio.Event()
    prepare = Preparer.prepare

    async def prepare_late(preparer: Preparer, job: Job) -> Ready:
        if job.number == twin.number:
            await comes.wait()
        return await prepare(preparer, job)

    monkeypatch.setattr(Preparer, "prepare", prepare_late)
    async with scene.running([first, twin]) as dispatcher:
        await scene.until(State.RUNNING, first)
        scene.box.hears.clear()
        await dispatcher.cancel([first.number])
        await scene.box.until_told("cancelled")
        comes.set()
        await until(lambda: scene.store.jobs([twin.number])[0].identity is not None)
        await asyncio.sleep(0.1)  # it has found its request on its way
        scene.box.hears.set()
        scene.box.engine.let()

    assert scene.cancelled() == [first.number]
    assert scene.done() == [twin.number]


# --- before and after ----------------------------------------------------------------------------


async def test_a_cancelled_job_that_is_queued_again_begins_anew(scene: Scene) -> None:
    for _ in range(3):
        (job,) = scene.queue("one")
        async with scene.running([job]) as dispatcher:
            await scene.until(State.RUNNING, job)
            await dispatcher.cancel([job.number])
    (job,) = scene.queue("one")
    scene.box.engine.let()
    await scene.run([job])

    assert scene.cancelled() == [job.number] * 3
    assert scene.state(job) is State.DONE
    assert len(scene.box.told("accepted")) == 4


@pytest.mark.parametrize("ending", ["cancelled", "failed"])
async def test_how_an_earlier_try_ended_that_nobody_heard_does_not_end_the_next_one(
    scene: Scene, ending: str
) -> None:
    """The box took the job in and ended it while the app was gone, which then asks for it again."""
    (job,) = scene.queue("one")
    scene.box.hears.clear()
    async with scene.interrupted([job]):
        await scene.box.until_told("accepted")
        (identity,) = scene.box.told("accepted")
    if ending == "cancelled":
        await scene.box.scheduler.cancel(identity)
    else:
        scene.box.engine.bad.add("one")
        scene.box.engine.let("one")
    await scene.box.until_told(ending)
    scene.box.engine.bad.clear()
    scene.box.engine.let()
    assert scene.state(job) is State.QUEUED

    async with scene.running([job]):
        await until(lambda: sum(isinstance(m, Submit) for m in scene.box.sent) == 2)
        # Only now it hears of the past.
        scene.box.hears.set()

    assert scene.state(job) is State.DONE
    assert scene.cancelled() == []


async def test_a_request_that_was_left_is_heeded_before_anything_is_sent(scene: Scene) -> None:
    first, second = scene.queue("one", "two")
    scene.store.ask_to_cancel([first.number])
    scene.box.engine.let()
    await scene.run([first, second])

    assert scene.box.engine.begun == ["two"]
    assert scene.cancelled() == [first.number]


async def test_the_box_is_told_of_a_request_that_is_found_while_the_run_still_begins(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run may first write results of earlier runs, which takes a while."""
    (job,) = scene.queue("one")
    async with scene.interrupted([job]):
        await scene.until(State.RUNNING, job)
    scene.store.ask_to_cancel([job.number])
    goes_on = threading.Event()

    def look_long(store: Store, box: str) -> list[Due]:
        assert goes_on.wait(BOUND)
        return undelivered(store, box)

    monkeypatch.setattr(result_files, "undelivered", look_long)
    dispatcher = scene.dispatcher()
    async with asyncio.timeout(BOUND):
        run = asyncio.create_task(dispatcher.run(scene.store.jobs([job.number])))
        await until(lambda: dispatcher.numbers)
        await dispatcher.apply_requests(scene.store.places())
        goes_on.set()
        await run

    assert scene.cancelled() == [job.number]
    assert scene.box.board.unfinished == 0
    assert len(scene.box.told("cancelled")) == 1


async def test_a_run_of_other_jobs_heeds_it_too(scene: Scene) -> None:
    earlier = scene.queue("one", "two", file="earlier")
    async with scene.interrupted(earlier):
        await scene.until(State.RUNNING, *earlier)
    (unsent,) = scene.queue("three", file="unsent")
    scene.store.ask_to_cancel([earlier[0].number, unsent.number])
    other = scene.queue("four", file="other")
    async with scene.running(other):
        await scene.box.engine.until_running("two", "four")
        scene.box.engine.let()

    assert sorted(scene.cancelled()) == [earlier[0].number, unsent.number]
    assert scene.done() == [other[0].number]


async def test_a_run_of_other_jobs_heeds_what_comes_meanwhile(scene: Scene) -> None:
    earlier = scene.queue("one", "two", file="earlier")
    async with scene.interrupted(earlier):
        await scene.until(State.RUNNING, *earlier)
    other = scene.queue("three", file="other")
    async with scene.running(other) as dispatcher:
        await scene.until(State.SENT, *other)
        await dispatcher.cancel([earlier[0].number])
        await scene.box.engine.until_running("two", "three")
        scene.box.engine.let()

    assert scene.cancelled() == [earlier[0].number]
    assert scene.done() == [other[0].number]


async def test_what_is_asked_for_again_is_not_cancelled_any_more(scene: Scene) -> None:
    (job,) = scene.queue("one")
    async with scene.interrupted([job]):
        await scene.until(State.RUNNING, job)
    scene.store.ask_to_cancel([job.number])
    (again,) = scene.queue("one")
    scene.box.engine.let()
    await scene.run([again])

    assert scene.done() == [job.number]
    assert scene.box.told("cancelled") == []
    assert len(scene.box.told("finished")) == 1


async def test_an_end_that_is_told_while_another_batch_runs_is_not_lost(scene: Scene) -> None:
    """It is told once, and the run that asked for the job is over."""
    scene.box.engine.bad.add("one")
    earlier = scene.queue("one", "two", file="earlier")
    async with scene.interrupted(earlier):
        await scene.until(State.RUNNING, *earlier)
    scene.box.engine.let("one", "two")
    await scene.box.until_told("failed")
    scene.box.engine.let()
    await scene.run(scene.queue("three", file="other"))
    assert scene.state(earlier[0]) is State.FAILED

    await scene.run(scene.store.unended("h100"))

    assert scene.state(earlier[1]) is State.DONE


# --- anything at any moment ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_is_lost_or_doubled_whatever_breaks_when(
    scene: Scene, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "PREPARED_AT_ONCE", 2)
    chance = random.Random(seed)
    prompts = [f"scene {n % 9}" for n in range(12)]
    jobs = [job for n, p in enumerate(prompts) for job in scene.queue(p, file=f"spec{n}")]
    asked: set[int] = set()

    async def trouble(dispatcher: Dispatcher) -> None:
        # A box that cannot be reached at first ends the run, and should.
        await scene.box.until_told("accepted")
        for _ in range(25):
            await asyncio.sleep(chance.uniform(0, 0.03))
            match chance.randrange(5):
                case 0:
                    scene.box.cut()
                case 1:
                    number = chance.choice(jobs).number
                    asked.add(number)
                    await dispatcher.cancel([number])
                case 2:
                    scene.box.engine.let(chance.choice(prompts))
                case 3:
                    scene.box.hears.clear()
                case _:
                    scene.box.hears.set()
        scene.box.hears.set()
        scene.box.engine.let()

    async with scene.running(jobs) as dispatcher:
        await trouble(dispatcher)

    ended = Counter(scene.cancelled() + scene.done())
    assert ended == Counter(job.number for job in jobs)
    assert set(scene.cancelled()) <= asked
    finished = scene.box.told("finished")
    assert len(finished) == len(set(finished))
    assert scene.box.board.unfinished == 0
    assert scene.store.asked_to_cancel() == []
    assert {job.state for job in scene.store.jobs()} <= {State.DONE, State.CANCELLED}
