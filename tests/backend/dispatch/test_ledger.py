"""A run completes the endings that have begun, tells their errors, and writes what earlier runs did not."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.dispatch.jobs.ledger import Ledger
from backend.errors import QueueError
from backend.events import Event, ResultsWritten
from backend.store import Job, State, Store
from tests.support.finished_jobs import Finisher


async def test_of_several_failures_that_nobody_awaits_python_has_nothing_to_complain_about(
    tmp_path: Path,
) -> None:
    full = asyncio.Event()
    complaints: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(str(context["message"])))

    async def within() -> None:
        await full.wait()
        raise QueueError("the disk is full")

    with closing(Store(tmp_path / "queue.db")) as store:
        ledger = Ledger(store, "h100", lambda _: None, force=False)

        async def ending() -> None:
            await ledger.run_shielded(within())

        hearing = asyncio.create_task(ledger.run_shielded(ending()))
        await asyncio.sleep(0.01)
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
        del hearing
        full.set()
        await asyncio.sleep(0.01)
        gc.collect()
        assert complaints == []
        with pytest.raises(QueueError, match="full"):
            await ledger.wait_for_endings()


@pytest.mark.parametrize("when", ["while it is waited for", "before anybody waits"])
async def test_a_failure_that_nobody_awaits_any_more_is_not_lost(tmp_path: Path, when: str) -> None:
    full = asyncio.Event()

    async def ending() -> None:
        await full.wait()
        raise QueueError("the disk is full")

    with closing(Store(tmp_path / "queue.db")) as store:
        ledger = Ledger(store, "h100", lambda _: None, force=False)
        hearing = asyncio.create_task(ledger.run_shielded(ending()))
        await asyncio.sleep(0)
        hearing.cancel()  # the link broke meanwhile
        await asyncio.gather(hearing, return_exceptions=True)
        if when == "before anybody waits":
            full.set()
            await asyncio.sleep(0.01)
        asyncio.get_running_loop().call_soon(full.set)
        with pytest.raises(QueueError, match="full"):
            await ledger.wait_for_endings()


async def test_a_run_forces_its_own_files_and_leaves_those_of_earlier_runs(tmp_path: Path) -> None:
    events: list[Event] = []
    with closing(Store(tmp_path / "queue.db")) as store:
        finisher = Finisher(store, tmp_path / "out")
        jobs = []
        finisher.out.mkdir()
        for name in ("earlier", "left", "own"):
            (tmp_path / f"{name}.txt").write_text("dusk\n")
            jobs += finisher.finish(tmp_path / f"{name}.txt", "A long dusk.", review=False)
        for name in ("earlier", "own"):
            (finisher.out / f"{name}.txt").write_text("mine")
        await Ledger(store, "local", events.append, force=True).begin(jobs[-1:])
        texts = [job.destination.read_text() for job in jobs]
    assert texts == ["mine", "A long dusk.\n", "A long dusk.\n"]
    # Only the run's own troubles are its to tell.
    assert all(isinstance(event, ResultsWritten) for event in events)
    assert len(events) == 2


async def test_ctrl_c_ends_a_run_that_is_still_reading_its_jobs(tmp_path: Path) -> None:
    (tmp_path / "dusk.txt").write_text("dawn\nnoon\ndusk\n")
    with closing(Store(tmp_path / "queue.db")) as store:
        jobs = Finisher(store, tmp_path / "out").queue(tmp_path / "dusk.txt")
        ledger = Ledger(store, "local", lambda _: None, force=False)
        read: list[int] = []

        def reading() -> Iterator[Job]:
            for job in jobs:
                read.append(job.number)
                if len(read) == 2:
                    beginning.cancel()  # as the handler of SIGINT does, wherever Python is
                yield job

        beginning = asyncio.create_task(ledger.begin(reading()))
        with pytest.raises(asyncio.CancelledError):
            await beginning
        assert len(read) == 2 < len(jobs)


async def test_a_preparation_that_is_cancelled_while_it_is_written_does_not_outlive_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dusk.txt").write_text("dusk\n")
    with closing(Store(tmp_path / "queue.db")) as store:
        jobs = Finisher(store, tmp_path / "out").queue(tmp_path / "dusk.txt")
        ledger = Ledger(store, "local", lambda _: None, force=False)
        await ledger.begin(jobs)
        begun, go_on, written = threading.Event(), threading.Event(), threading.Event()
        write = store.set_state

        def write_slowly(number: int, state: State, error: str = "") -> bool:
            begun.set()
            go_on.wait(30)
            changed = write(number, state, error)
            written.set()
            return changed

        monkeypatch.setattr(store, "set_state", write_slowly)
        preparing = asyncio.create_task(ledger.prepare(jobs[0]))
        await asyncio.to_thread(begun.wait, 30)
        preparing.cancel()  # the box cannot be used
        await asyncio.gather(preparing, return_exceptions=True)
        asyncio.get_running_loop().call_later(0.05, go_on.set)
        await ledger.close()
        assert await asyncio.to_thread(written.wait, 30)
        assert [job.state for job in store.jobs()] == [State.QUEUED]
