"""What happened before a run must not change what its jobs get: a journal that was mended, a box that was
restored, a source that has moved, the work of others."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.box.links import backoff, reconnect
from backend.dispatch import dispatcher
from backend.dispatch.preparing.prepare import Preparer, Ready
from backend.errors import MediaError
from backend.events import JobCancelled, JobFailed
from backend.store import Job, State, Store
from remote.protocol import Accepted, Finished, Request, Sampling, Submit
from tests.support.near_box import NearBox, serving_near
from tests.support.near_laptop import NearLaptop
from tests.support.waiting import until

_SLOTS = 2


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NearLaptop]:
    monkeypatch.setattr(backoff, "FIRST_PAUSE", 0.01)
    # So that the box has them in the order in which they were queued.
    monkeypatch.setattr(dispatcher, "PREPARED_AT_ONCE", 1)
    with closing(Store(tmp_path / "queue.db")) as store:
        yield NearLaptop(tmp_path, store)


@contextlib.asynccontextmanager
async def working_box(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NearBox]:
    """The box of the laptop, at work until the end of the block."""
    async with serving_near(folder, _SLOTS) as box:
        monkeypatch.setattr(reconnect, "open_link", box.open_link)
        yield box


async def accept_unheard(laptop: NearLaptop, box: NearBox) -> Job:
    """Have the box accept a job, and end the run before it hears so."""
    (job,) = laptop.queue("one")
    box.hears.clear()
    async with laptop.interrupted([job]):
        await box.until_told("accepted")
    box.hears.set()
    return job


def move_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, no job can be prepared."""

    async def prepare(_preparer: Preparer, job: Job) -> Ready:
        raise MediaError(f"{job.name}.mp4 does not exist.", "Check the path in the spec.")

    monkeypatch.setattr(Preparer, "prepare", prepare)


async def test_a_result_is_heard_though_the_journal_has_another_id_and_the_source_has_moved(
    laptop: NearLaptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working_box(tmp_path / "box", monkeypatch) as box:
        (job,) = laptop.queue("one")
        async with laptop.interrupted([job]):
            await until(lambda: laptop.again(job).state is State.RUNNING)
        box.engine.let()
        await box.until_told("finished")
        box.journal.drop(())  # as mending it does
        move_the_sources(monkeypatch)
        await laptop.run(laptop.store.unended())

        assert laptop.again(job).state is State.DONE
        assert len(box.told("finished")) == 1


async def test_an_answer_to_a_request_that_was_never_acknowledged_is_heard_though_its_source_has_moved(
    laptop: NearLaptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working_box(tmp_path / "box", monkeypatch) as box:
        job = await accept_unheard(laptop, box)
        assert laptop.again(job).state is State.QUEUED
        box.engine.let()
        move_the_sources(monkeypatch)
        await laptop.run(laptop.store.unended())

        assert laptop.again(job).state is State.DONE
        assert len(box.told("accepted")) == 1


async def test_a_job_whose_source_has_moved_and_whose_request_the_box_never_had_fails_for_that(
    laptop: NearLaptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working_box(tmp_path / "box", monkeypatch) as box:
        box.engine.let()
        one, two = laptop.queue("one", "two")
        laptop.store.set_request(one.number, _request("one"), 10)
        move_the_sources(monkeypatch)
        await laptop.run([one, two])

    assert {
        event.error.split(" does")[0] for event in laptop.events if isinstance(event, JobFailed)
    } == {
        f"{one.name}.mp4",
        f"{two.name}.mp4",
    }


async def test_what_the_box_gives_up_fails_for_its_reason_though_the_source_has_moved(
    laptop: NearLaptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working_box(tmp_path / "box", monkeypatch) as box:
        job = await accept_unheard(laptop, box)
        box.engine.bad.add("one")
        move_the_sources(monkeypatch)
        async with laptop.running(laptop.store.unended()):
            await until(lambda: laptop.again(job).state.on_box)
            box.engine.let()

    (error,) = [it.error for it in laptop.events if isinstance(it, JobFailed)]
    assert error == (
        f"it broke\n  It cannot be sent again: {job.name}.mp4 does not exist.\n  Check the path in the spec."
    )


async def test_retrying_a_job_whose_source_has_moved_finds_the_answer_that_is_kept(
    laptop: NearLaptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working_box(tmp_path / "box", monkeypatch) as box:
        box.engine.let()
        (job,) = laptop.queue("one")
        await laptop.run([job])
        laptop.store.set_state(job.number, State.FAILED, "as an earlier version would")
        move_the_sources(monkeypatch)
        laptop.store.queue([laptop.again(job)])
        await laptop.run(laptop.store.unended())
        assert len(box.told("accepted")) == 1

    assert laptop.done() == [job.number] * 2


@pytest.mark.parametrize("wish", ["done", "cancelled"])
async def test_a_job_that_a_restored_box_has_forgotten_is_sent_again_or_can_be_cancelled(
    laptop: NearLaptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wish: str
) -> None:
    """The journal has the id that it had, and events of others have come since."""
    async with working_box(tmp_path / "box", monkeypatch) as box:
        (first,) = laptop.queue("first")
        box.engine.let("first")
        await laptop.run([first])
    shutil.copytree(
        tmp_path / "box", tmp_path / "snapshot", ignore=shutil.ignore_patterns("socket")
    )
    async with working_box(tmp_path / "box", monkeypatch) as box:
        (job,) = laptop.queue("one")
        async with laptop.interrupted([job]):
            await until(lambda: laptop.again(job).state is State.RUNNING)
        journal = box.journal.id
    async with working_box(tmp_path / "snapshot", monkeypatch) as box:
        assert box.journal.id == journal
        box.engine.let()
        for number in range(5):
            await box.scheduler.submit(_submit(f"of another laptop {number}"))
        await box.until_told("finished", 6)
        if wish == "cancelled":
            laptop.store.ask_to_cancel([job.number])
        await laptop.run(laptop.store.unended())

    assert laptop.again(job).state == wish
    assert any(isinstance(it, JobCancelled) for it in laptop.events) == (wish == "cancelled")


@pytest.mark.parametrize(("weights", "begun"), [("patient 1", 1), ("other weights", 2)])
async def test_an_equal_prompt_is_answered_from_the_queue_only_while_the_box_serves_the_same(
    laptop: NearLaptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str, begun: int
) -> None:
    async with working_box(tmp_path / "box", monkeypatch) as box:
        box.engine.let()
        await laptop.run(laptop.queue("one"))
        box.engine.weights = weights
        await laptop.run(laptop.queue("one", file="another"))

    assert box.engine.begun == ["one"] * begun
    assert len(laptop.done()) == 2


async def test_an_answer_of_another_box_is_not_taken_though_it_serves_the_same(
    laptop: NearLaptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working_box(tmp_path / "one", monkeypatch) as first:
        first.engine.let()
        await laptop.run(laptop.queue("one"))
    async with working_box(tmp_path / "two", monkeypatch) as second:
        second.engine.let()
        await laptop.run(laptop.queue("one", box="a100"))

    assert second.engine.begun == ["one"]


async def test_what_was_prepared_for_other_weights_is_prepared_again_when_the_box_has_new_ones(
    laptop: NearLaptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working_box(tmp_path / "box", monkeypatch) as box:
        jobs = laptop.queue(*(f"scene {n}" for n in range(8)))
        running = asyncio.create_task(laptop.run(jobs))
        await box.engine.until_running("scene 0", "scene 1")
        box.engine.weights = "other weights"
        await box.scheduler.serves()  # as when another app is greeted
        box.engine.let()
        await running
        assert len(box.told("finished")) == len(jobs)

    engines = {laptop.store.request(job.number).engine for job in jobs}
    assert engines == {"patient 1", "other weights"}
    assert sorted(laptop.done()) == [job.number for job in jobs]


async def test_a_request_that_waits_on_the_box_is_not_answered_by_another_model(
    laptop: NearLaptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = laptop.queue("one", "two", "three")
    async with working_box(tmp_path / "box", monkeypatch) as box, laptop.interrupted(jobs):
        await until(lambda: all(laptop.again(job).state.on_box for job in jobs))
    async with working_box(tmp_path / "box", monkeypatch) as box:
        box.engine.weights = "other weights"
        box.engine.let()
        await laptop.run(laptop.store.unended())

    assert {laptop.store.request(job.number).engine for job in jobs} == {"other weights"}
    assert sorted(laptop.done()) == [job.number for job in jobs]


async def test_what_others_did_on_the_box_is_not_replayed(
    laptop: NearLaptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working_box(tmp_path / "box", monkeypatch) as box:
        box.engine.let()
        for number in range(50):
            await box.scheduler.submit(_submit(f"of another laptop {number}"))
        await box.until_told("finished", 50)
        await laptop.run(laptop.queue("one"))

        assert [type(it) for it in box.heard if isinstance(it, (Accepted, Finished))] == [
            Accepted,
            Finished,
        ]


def _request(prompt: str) -> Request:
    return Request("transfer1", "", "", prompt, (), Sampling(0.0, 8, 0))


def _submit(prompt: str) -> Submit:
    request = _request(prompt)
    return Submit(request.job_id(), request, ())
