"""A visit ends when its app has gone, however it went."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from remote.daemon import visitor as module
from remote.daemon.deltas import merge_deltas
from remote.daemon.visitor import Visitor
from remote.engines.sketch import SketchEngine
from remote.jobs import disk_thread
from remote.jobs.board import Board
from remote.jobs.journal import Journal
from remote.jobs.pictures import Pictures
from remote.jobs.records import Record
from remote.jobs.slots import Scheduler
from remote.protocol import (
    Accepted,
    Cancel,
    Cancelled,
    Decoder,
    Delta,
    Fatal,
    FromBox,
    Hello,
    Json,
    Log,
    Message,
    Ping,
    Pong,
    Status,
    Welcome,
    encode,
)
from tests.remote.attached import ask

HELLO = encode(Hello(1, 1, "", -1, "", ""))
CHATTER = Delta("job", 1, 0, "x" * 10_000)
FLOOD = 20_000


class House:
    """What a visitor needs of a daemon, without the daemon."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / "journal")
        pictures = Pictures(folder / "images", [])
        self.scheduler = Scheduler(Board(self.journal), pictures, SketchEngine(), "", self._tell)
        self.visits: list[asyncio.Task[None]] = []
        self.visitors: list[Visitor] = []
        self.visited = asyncio.Event()

    async def welcome(self, hello: Hello) -> Welcome | Fatal:
        return Welcome(hello.newest, "", self.journal.id, self.journal.last, "", "", "", 1, 0)

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        return len(f"{system} {prompt}".split())

    async def change_replica(self, name: str, change: str) -> str:
        raise NotImplementedError

    async def stop(self, visitor: Visitor, only_idle: bool) -> None:
        raise NotImplementedError

    async def visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visitor = Visitor(self, reader, writer)
        self.visitors.append(visitor)
        self.visits.append(asyncio.ensure_future(visitor.run()))
        self.visited.set()
        await self.visits[-1]

    def _tell(self, message: FromBox | None) -> None:
        for visitor in self.visitors:
            visitor.tell(message)

    async def all_gone(self) -> bool:
        _, there = await asyncio.wait(self.visits, timeout=10)
        return not there


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[House]:
    (folder / "images").mkdir()
    house = House(folder)
    working = asyncio.create_task(house.scheduler.run())
    server = await asyncio.start_unix_server(house.visit, folder / "socket")
    try:
        yield house
    finally:
        server.close()
        for visit in house.visits:
            visit.cancel()
        working.cancel()
        await asyncio.gather(working, *house.visits, return_exceptions=True)
        house.journal.close()


async def test_a_visit_ends_with_its_connection_though_much_is_being_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        for number in range(150):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "socket")
            writer.write(HELLO)
            await reader.readexactly(4)
            for visitor in house.visitors:
                for _ in range(number % 7):
                    visitor.tell(CHATTER)
            for _ in range(number % 5):
                await asyncio.sleep(0)
            writer.close()
        assert await house.all_gone()


async def test_an_app_that_is_sent_away_has_heard_of_every_end_before(tmp_path: Path) -> None:
    async with opened(tmp_path) as house, asyncio.timeout(10):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "socket")
        writer.write(HELLO)
        decoder = Decoder()
        told = [type(message) for message in decoder.feed(await reader.read(1 << 16))]
        request = ask("a harbour at dusk").request
        Board(house.journal).accept(request.job_id(), request)
        house.visitors[0].tell(Fatal("limit", "as much was spent as is allowed"))
        while Fatal not in told:
            told += [type(message) for message in decoder.feed(await reader.read(1 << 16))]
        assert told == [Welcome, Accepted, Fatal]
        writer.close()


async def test_an_app_that_takes_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WRITE_SECONDS", 0.1)
    async with opened(tmp_path) as house:
        _, writer = await asyncio.open_unix_connection(tmp_path / "socket", limit=1)
        writer.write(HELLO)
        await house.visited.wait()
        for _ in range(200):
            house.visitors[0].tell(CHATTER)
        assert await house.all_gone()
        writer.close()


async def test_an_app_that_never_greets_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GREETING_SECONDS", 0.1)
    async with opened(tmp_path) as house:
        _, writer = await asyncio.open_unix_connection(tmp_path / "socket")
        await house.visited.wait()
        assert await house.all_gone()
        writer.close()


async def test_a_flood_in_the_log_leaves_the_texts_as_they_are(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        reader, writer = await asyncio.open_unix_connection(tmp_path / "socket")
        writer.write(encode(Hello(1, 2, "", -1, "", "")))
        await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
        (visitor,) = house.visitors
        texts = [Delta("job", 1, number, chr(97 + number % 26)) for number in range(1000)]
        for number in range(FLOOD):
            visitor.tell(Log(1.0, "info", "vllm", f"line {number}"))
            if number % 20 == 0:
                visitor.tell(texts[number // 20])
            if number % 1000 == 0:
                visitor.tell(Status(1.0, "ready", 0, number, None, ()))
                await asyncio.sleep(0)
        heard = await _heard_until_all_is_told(reader)
        writer.close()
        assert await house.all_gone()
    assert merge_deltas([m for m in heard if isinstance(m, Delta)]) == merge_deltas(texts)
    last = [message for message in heard if isinstance(message, Status)][-1]
    assert last.jobs_running == FLOOD - 1000
    numbers = [int(m.text.removeprefix("line ")) for m in _lines(heard)]
    assert numbers == sorted(set(numbers))
    assert len(numbers) + _left_out(heard) == FLOOD
    assert len(numbers) < FLOOD


async def _heard_until_all_is_told(reader: asyncio.StreamReader) -> list[Message]:
    """Everything up to the word of the last lines that were left out."""
    decoder = Decoder()
    heard: list[Message] = []
    async with asyncio.timeout(60):
        while len(_lines(heard)) + _left_out(heard) < FLOOD:
            heard += decoder.feed(await reader.read(1 << 16))
    return heard


def _lines(heard: list[Message]) -> list[Log]:
    return [m for m in heard if isinstance(m, Log) and m.source == "vllm"]


def _left_out(heard: list[Message]) -> int:
    notices = [m.text for m in heard if isinstance(m, Log) and m.source == "runner"]
    return sum(int(text.split()[0].replace(",", "")) for text in notices)


async def test_words_that_come_together_are_told_as_one_message(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        reader, writer = await asyncio.open_unix_connection(tmp_path / "socket")
        writer.write(HELLO)
        await _heard(reader, 1)
        for offset, text in enumerate("many"):
            house.visitors[0].tell(Delta("job", 1, offset, text))
        house.visitors[0].tell(CHATTER)
        assert await _heard(reader, 2) == [Delta("job", 1, 0, "many"), CHATTER]
        writer.close()


async def _heard(reader: asyncio.StreamReader, count: int) -> list[Message]:
    decoder, messages = Decoder(), list[Message]()
    async with asyncio.timeout(10):
        while len(messages) < count:
            messages += decoder.feed(await reader.read(1 << 16))
    return messages


async def _silent_app(folder: Path, house: House, newest: int) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_unix_connection(folder / "socket")
    writer.write(encode(Hello(1, newest, "", -1, "", "")))
    await reader.readexactly(4)
    await house.visited.wait()
    return writer


async def test_an_app_that_would_ping_and_is_silent_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SILENCE_SECONDS", 0.1)
    async with opened(tmp_path) as house:
        writer = await _silent_app(tmp_path, house, newest=3)
        assert await house.all_gone()
        writer.close()


async def test_an_older_app_may_be_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SILENCE_SECONDS", 0.1)
    async with opened(tmp_path) as house:
        writer = await _silent_app(tmp_path, house, newest=2)
        await asyncio.sleep(0.3)
        assert not house.visits[0].done()
        writer.close()


async def test_a_cancel_that_a_full_disk_holds_up_keeps_nobody_from_being_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_thread, "PAUSE", 0.05)
    job = ask("one")
    async with opened(tmp_path) as house:
        append = house.journal.append

        def full(kind: str, body: Mapping[str, Json], largest: int) -> Record:
            if kind == "accepted":
                return append(kind, body, largest)
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(house.journal, "append", full)
        reader, writer = await asyncio.open_unix_connection(tmp_path / "socket")
        writer.write(encode(Hello(1, 3, "", -1, "", "")) + encode(job))
        writer.write(encode(Cancel(job.job)) + encode(Cancel(job.job)) + encode(Ping(7)))
        heard = await _heard(reader, 3)
        assert Pong(7) in heard
        assert [m.job for m in heard if isinstance(m, Accepted)] == [job.job]
        writer.close()
        assert await house.all_gone()
        reader, writer = await asyncio.open_unix_connection(tmp_path / "socket")
        writer.write(encode(Hello(1, 3, house.journal.id, house.journal.last, "", "")))
        await _heard(reader, 1)
        monkeypatch.setattr(house.journal, "append", append)
        assert isinstance((await _heard(reader, 2))[-1], Cancelled)
        writer.close()
