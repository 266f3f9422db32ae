"""Jobs and their pictures when things happen at the same moment, or go wrong halfway."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from remote.engines import Completion, EngineError, Piece
from remote.jobs import board as board_module
from remote.jobs import late_orders
from remote.jobs.board import Board, EngineAttempt, JobState
from remote.jobs.journal import Journal, JournalError
from remote.jobs.pictures import Pictures
from remote.jobs.records import Record
from remote.jobs.slots import Scheduler
from remote.protocol import MOST_FALLS, FromBox, Refused, Request, Started, Submit
from tests.remote.attached import BOUND, ask, png
from tests.support.waiting import until

SHARED = png()
ONE, TWO = ask("one", [SHARED]), ask("two", [SHARED])


class Gate:
    """An engine that answers when it is let, with the text that it is given."""

    name, notice, slots, stage = "gate 1", "", 1, "ready"

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.text = "text"
        self.errors: list[Exception] = []
        """What it fails with, once each, before it answers."""

    async def generate(self, request: Request, images: Sequence[bytes]) -> AsyncIterator[Piece]:
        await self.open.wait()
        if self.errors:
            raise self.errors.pop(0)
        yield self.text
        yield Completion("stop")

    def serves(self) -> str:
        return "gate 1"

    @property
    def model(self) -> str:
        return ""

    async def load(self) -> None:
        """Nothing is counted."""

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        """It has no tokens."""
        return None

    async def context(self) -> int:
        """Nobody asks."""
        return 0

    async def close(self) -> None:
        """Nothing is held."""


class Site:
    """Work on a board in a folder."""

    def __init__(self, folder: Path) -> None:
        self.images = folder / "images"
        self.images.mkdir(exist_ok=True)
        self.journal = Journal(folder / "journal")
        self.board = Board(self.journal)
        self.engine = Gate()
        self.told: list[FromBox] = []
        self._news = asyncio.Event()
        pictures = Pictures(self.images, self.board.unfinished_requests())
        self.work = Scheduler(self.board, pictures, self.engine, "", self._tell)

    def _tell(self, message: FromBox | None) -> None:
        if message is not None:
            self.told.append(message)
        self._news.set()

    async def stands(self, job: str, state: JobState) -> None:
        """Return when the job stands so, which is to be told."""
        async with asyncio.timeout(BOUND):
            while self.board.state(job) is not state:
                self._news.clear()
                await self._news.wait()


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Site]:
    site = Site(folder)
    working = asyncio.create_task(site.work.run())
    try:
        yield site
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        site.journal.close()


async def test_two_apps_may_cancel_the_same_job(tmp_path: Path) -> None:
    """And the picture that it shares with another job stays for that one."""
    async with opened(tmp_path) as site:
        await site.work.submit(ONE)
        await site.stands(ONE.job, JobState.RUNNING)
        await site.work.submit(TWO)
        await asyncio.gather(*(site.work.cancel(ONE.job) for _ in range(3)))
        assert len(list(site.images.iterdir())) == 1
        site.engine.open.set()
        await site.stands(TWO.job, JobState.FINISHED)
        assert list(site.images.iterdir()) == []
        assert site.board.state(ONE.job) is JobState.CANCELLED


async def test_a_job_that_is_cancelled_as_it_begins_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_go_on = threading.Event(), threading.Event()
    start = Board.start

    def slowly(board: Board, job: str) -> EngineAttempt:
        attempt = start(board, job)
        begun.set()
        may_go_on.wait(BOUND)
        return attempt

    monkeypatch.setattr(Board, "start", slowly)
    async with opened(tmp_path) as site:
        site.engine.open.set()
        await site.work.submit(ONE)
        await asyncio.to_thread(begun.wait, BOUND)
        cancelling = asyncio.create_task(site.work.cancel(ONE.job))
        await asyncio.sleep(0)
        may_go_on.set()
        await cancelling
        await site.work.submit(TWO)
        await site.stands(TWO.job, JobState.FINISHED)
        assert site.board.state(ONE.job) is JobState.CANCELLED
        assert [type(m) for m in site.told if getattr(m, "job", "") == ONE.job] in ([], [Started])


async def test_a_job_that_is_given_up_is_told_and_leaves_no_pictures(tmp_path: Path) -> None:
    async with opened(tmp_path) as site:
        await site.work.submit(ONE)
        await site.stands(ONE.job, JobState.RUNNING)
    for _ in range(MOST_FALLS):
        with contextlib.closing(Journal(tmp_path / "journal")) as journal:
            Board(journal).start(ONE.job)
    async with opened(tmp_path) as site:
        await site.stands(ONE.job, JobState.FAILED)
        assert list(site.images.iterdir()) == []


async def test_a_job_that_the_journal_cannot_keep_leaves_no_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as site:

        def full(*_: object) -> Record:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(site.journal, "append", full)
        refused = await site.work.submit(ONE)
        assert isinstance(refused, Refused)
        assert refused.kind == "disk"
        assert list(site.images.iterdir()) == []


async def test_a_request_that_is_too_large_for_the_journal_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_module, "_LARGEST", 2000)
    async with opened(tmp_path) as site:
        refused = await site.work.submit(ask("x" * 2000, [SHARED]))
        assert isinstance(refused, Refused)
        assert refused.kind == "request"
        assert list(site.images.iterdir()) == []


async def test_an_answer_that_is_too_large_for_the_journal_fails_its_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_module, "_LARGEST", 2000)
    async with opened(tmp_path) as site:
        site.engine.text = "x" * 2000
        site.engine.open.set()
        await site.work.submit(ONE)
        await site.stands(ONE.job, JobState.FAILED)


async def test_a_picture_that_was_damaged_on_the_disk_is_not_looked_at(tmp_path: Path) -> None:
    async with opened(tmp_path) as site:
        await site.work.submit(ONE)
        await site.stands(ONE.job, JobState.RUNNING)
    (kept,) = site.images.iterdir()
    kept.write_bytes(SHARED[:-1] + b"?")
    async with opened(tmp_path) as site:
        await site.stands(ONE.job, JobState.FAILED)
        assert list(site.images.iterdir()) == []
        site.engine.open.set()
        await site.work.submit(ONE)
        await site.stands(ONE.job, JobState.FINISHED)


async def test_a_picture_that_is_gone_from_the_disk_is_asked_for(tmp_path: Path) -> None:
    async with opened(tmp_path) as site:
        await site.work.submit(ONE)
        await site.stands(ONE.job, JobState.RUNNING)
        for kept in site.images.iterdir():
            kept.unlink()
        refused = await site.work.submit(Submit(TWO.job, TWO.request, ("",)))
        assert isinstance(refused, Refused)
        assert refused.kind == "pictures"


async def test_work_ends_when_its_journal_can_no_longer_be_read(tmp_path: Path) -> None:
    """The next daemon mends it; an app that is told nothing would wait for ever."""
    site = Site(tmp_path)
    working = asyncio.create_task(site.work.run())
    await site.work.submit(ONE)
    await site.stands(ONE.job, JobState.RUNNING)
    with (tmp_path / "journal").open("r+b") as file:
        file.seek(-3, os.SEEK_END)
        file.write(b"?")
    with pytest.raises(JournalError):
        await site.work.messages_after(-1, 10)
    with pytest.raises(JournalError, match="no longer"):
        await asyncio.wait_for(working, BOUND)
    site.journal.close()


async def test_an_equal_request_of_two_apps_is_one_job_of_the_first_ones_queue(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as site:
        await site.work.submit(ask("runs"))
        await site.stands(ask("runs").job, JobState.RUNNING)
        for app in "xy":
            await site.work.submit(replace(ask(app), app=app))
            await site.work.submit(replace(ONE, app=app))
        await site.work.submit(replace(TWO, app="y"))
        assert site.board.unfinished == 5
        site.engine.open.set()
        await site.stands(TWO.job, JobState.FINISHED)
        started = [message.job for message in site.told if isinstance(message, Started)]
    assert started == [job.job for job in (ask("runs"), ask("x"), ask("y"), ONE, TWO)]


async def test_an_order_that_the_disk_does_not_take_is_kept_once_there_is_room_unless_a_newer_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(late_orders, "PAUSE", 0.1)

    def no_room(*_: object) -> Record:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with opened(tmp_path) as site:
        await site.work.submit(ask("runs"))
        await site.stands(ask("runs").job, JobState.RUNNING)
        await site.work.submit(ONE)
        await site.work.submit(TWO)
        with monkeypatch.context() as full:
            full.setattr(Journal, "append", no_room)
            await site.work.arrange([TWO.job, ONE.job])
            await asyncio.sleep(0.15)
            assert site.board.next_waiting() == ONE.job
        assert "the order of 2 jobs is kept later" in caplog.text
        await until(lambda: site.board.next_waiting() == TWO.job)
        with monkeypatch.context() as full:
            full.setattr(Journal, "append", no_room)
            await site.work.arrange([ONE.job, TWO.job])
        await site.work.arrange([TWO.job, ONE.job])
        await asyncio.sleep(0.25)
        assert site.board.next_waiting() == TWO.job


async def test_an_attempt_says_why_the_engine_failed_at_the_one_before(tmp_path: Path) -> None:
    async with opened(tmp_path) as site:
        site.engine.errors = [EngineError("out of memory")]
        site.engine.open.set()
        await site.work.submit(ONE)
        await site.stands(ONE.job, JobState.FINISHED)
        started = [message for message in site.told if isinstance(message, Started)]
        assert started == [Started(ONE.job, 1), Started(ONE.job, 2, "out of memory")]


async def test_an_attempt_that_ended_with_the_daemon_is_not_the_engines_failure(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as site:
        await site.work.submit(ONE)
        await site.stands(ONE.job, JobState.RUNNING)
    async with opened(tmp_path) as site:
        site.engine.errors = [EngineError("out of memory")]
        site.engine.open.set()
        await site.stands(ONE.job, JobState.FINISHED)
