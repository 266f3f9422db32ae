"""A batch that is handed over: the box has all of it, and does it alone; what waits there can be changed."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

import pytest

from backend.box.links import backoff, reconnect
from backend.dispatch import dispatcher, hand_over
from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.runs.reorder import Move, move_jobs
from backend.dispatch.sending.courier import SENT_AHEAD
from backend.events import HandedOver, HandingOver, JobDone, JobPaused, JobPostponed, JobSent
from backend.store import Job, State, Store
from remote.protocol import Accepted, Ask, Request
from tests.support.near_box import NearBox, serving_near
from tests.support.near_laptop import NearLaptop
from tests.support.waiting import until

_SLOTS = 2
_JOBS = 30


def queue_thirty(laptop: NearLaptop) -> list[Job]:
    return laptop.queue(*(f"scene {number:02}" for number in range(_JOBS)))


def handing_over(
    laptop: NearLaptop, jobs: list[Job], *, to_its_end: bool = True
) -> AbstractAsyncContextManager[Dispatcher]:
    return laptop.running(jobs, hand_over=True, to_its_end=to_its_end)


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NearLaptop]:
    monkeypatch.setattr(backoff, "FIRST_PAUSE", 0.01)
    # So that the box has them in the order in which they were queued.
    monkeypatch.setattr(dispatcher, "PREPARED_AT_ONCE", 1)
    with closing(Store(tmp_path / "queue.db")) as store:
        yield NearLaptop(tmp_path, store)


@pytest.fixture
async def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NearBox]:
    """The box of the laptop, at work."""
    async with serving_near(tmp_path / "box", _SLOTS) as box:
        monkeypatch.setattr(reconnect, "open_link", box.open_link)
        yield box


async def test_the_box_gets_all_jobs_while_it_works_on_the_first(
    laptop: NearLaptop, box: NearBox
) -> None:
    async with handing_over(laptop, queue_thirty(laptop)):
        await box.until_told("accepted", _JOBS)
        await until(lambda: laptop.of_kind(HandedOver))
        assert box.told("finished") == []
        box.engine.let()
    assert laptop.of_kind(HandedOver) == [HandedOver("h100", _JOBS)]
    assert len(laptop.of_kind(JobDone)) == _JOBS


async def test_after_a_new_link_nothing_is_noted_of_what_the_box_still_has(
    laptop: NearLaptop, box: NearBox
) -> None:
    async with handing_over(laptop, queue_thirty(laptop)):
        await until(lambda: laptop.of_kind(HandedOver))
        await until(lambda: len(laptop.store.in_states([State.RUNNING])) == _SLOTS)
        sent = laptop.store.in_states([State.SENT])
        box.sent.clear()
        box.heard.clear()
        box.cut()
        await until(lambda: sum(isinstance(it, Accepted) for it in box.heard) >= _JOBS)
        box.hears.clear()
        assert laptop.store.in_states([State.SENT]) == sent
        asked = [job for it in box.sent if isinstance(it, Ask) for job in it.jobs]
        assert len(asked) == len(set(asked)) == _JOBS
        box.hears.set()
        box.engine.let()
    assert len(laptop.of_kind(JobSent)) <= _JOBS
    assert len(laptop.of_kind(JobDone)) == _JOBS


async def test_it_tells_how_far_it_is_until_the_box_has_all(
    laptop: NearLaptop, box: NearBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hand_over, "TELL_SECONDS", 0.0)
    async with handing_over(laptop, queue_thirty(laptop)):
        await until(lambda: laptop.of_kind(HandedOver))
        told = [event for event in laptop.events if isinstance(event, HandingOver)]
        assert told[0] == HandingOver("h100", 1, _JOBS)
        assert [event.on_box for event in told] == sorted({event.on_box for event in told})
        box.engine.let()
    assert len(laptop.of_kind(HandedOver)) == 1


async def test_what_began_to_be_told_is_told_to_its_end_however_few_jobs_are_left(
    laptop: NearLaptop, box: NearBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hand_over, "TELL_SECONDS", 0.0)
    box.engine.let()
    async with handing_over(laptop, queue_thirty(laptop)):
        pass
    told = [it for it in laptop.events if isinstance(it, HandingOver | HandedOver)]
    assert isinstance(told[-1], HandedOver)


async def test_what_the_box_has_no_room_for_is_not_said_to_be_there(
    laptop: NearLaptop, box: NearBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hand_over, "TELL_SECONDS", 0.0)
    accept = box.board.accept

    def accept_most(job: str, request: Request, app: str = "") -> None:
        if request.prompt in ("scene 20", "scene 29"):
            raise OSError(errno.ENOSPC, "No space left on device")
        accept(job, request, app)

    monkeypatch.setattr(box.board, "accept", accept_most)
    async with handing_over(laptop, queue_thirty(laptop)):
        await until(lambda: len(laptop.of_kind(JobPostponed)) == 2)
        await box.until_told("accepted", _JOBS - 2)
        await until(lambda: HandingOver("h100", _JOBS - 2, _JOBS) in laptop.events)
        box.engine.let()
    assert laptop.of_kind(HandedOver) == []


@pytest.mark.parametrize(("hand_over", "protocol"), [(False, 5), (True, 4)])
async def test_without_a_hand_over_and_on_an_older_box_the_others_wait_here(
    laptop: NearLaptop, box: NearBox, hand_over: bool, protocol: int
) -> None:
    box.protocol = protocol
    async with laptop.running(queue_thirty(laptop), hand_over=hand_over):
        await box.until_told("accepted", _SLOTS + SENT_AHEAD)
        await asyncio.sleep(0.3)
        assert len(box.told("accepted")) == _SLOTS + SENT_AHEAD
        box.engine.let()
    assert laptop.of_kind(HandedOver) == []


async def test_the_box_does_all_of_it_without_the_app_and_a_later_one_fetches_everything(
    laptop: NearLaptop, box: NearBox
) -> None:
    async with handing_over(laptop, queue_thirty(laptop), to_its_end=False):
        await until(lambda: laptop.of_kind(HandedOver))
    box.engine.let()
    await box.until_told("finished", _JOBS)
    async with handing_over(laptop, laptop.store.unended()):
        pass
    assert len(laptop.of_kind(JobDone)) == _JOBS
    assert len(box.engine.begun) == _JOBS


async def test_a_job_that_waits_on_the_box_is_paused_and_done_once_it_is_resumed(
    laptop: NearLaptop, box: NearBox
) -> None:
    jobs = queue_thirty(laptop)
    async with handing_over(laptop, jobs) as runs:
        await until(lambda: laptop.of_kind(HandedOver))
        await runs.pause([jobs[20].number])
        await until(lambda: laptop.state(jobs[20]) is State.PAUSED)
        box.engine.let()
    assert "scene 20" not in box.engine.begun
    assert [event.job for event in laptop.events if isinstance(event, JobPaused)] == [
        jobs[20].number
    ]
    async with handing_over(laptop, laptop.store.resume([jobs[20].number])):
        pass
    assert box.engine.begun.count("scene 20") == 1
    assert laptop.state(jobs[20]) is State.DONE


async def test_another_process_can_pause_what_waits_on_the_box_and_not_what_runs_there(
    laptop: NearLaptop, box: NearBox
) -> None:
    jobs = queue_thirty(laptop)
    async with handing_over(laptop, jobs):
        await until(lambda: laptop.of_kind(HandedOver))
        with closing(Store(laptop.store.path)) as other:
            other.ask_to_pause([jobs[0].number, jobs[9].number])
            await until(lambda: not other.asked_to_pause())
        assert laptop.state(jobs[9]) is State.PAUSED
        assert laptop.state(jobs[0]) is State.RUNNING
        box.engine.let()


async def test_what_waits_on_the_box_is_moved_there(laptop: NearLaptop, box: NearBox) -> None:
    jobs = queue_thirty(laptop)
    async with handing_over(laptop, jobs):
        await until(lambda: laptop.of_kind(HandedOver))
        with closing(Store(laptop.store.path)) as other:
            move_jobs(other, [jobs[25].number], Move.TOP)
        await asyncio.sleep(1.0)
        box.engine.let("scene 00", "scene 01")
        await box.engine.until_running("scene 02", "scene 25")
        box.engine.let()
