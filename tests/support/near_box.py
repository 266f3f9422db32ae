"""The box's own work in this process, behind a link that a test can hold up or cut.

Board, journal and visits are the real ones. There is no SSH and no daemon process, and the engine is a
stand-in that answers a prompt when it is let: a real one cannot be brought to a standstill on demand.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from backend.box.asker import Asker
from backend.box.links.link import Box, JournalCursor, OnStale
from backend.errors import BoxUnreachable
from remote.daemon.visitor import Visitor
from remote.engines import BadRequest, Completion, EngineError, Piece
from remote.jobs.board import Board
from remote.jobs.journal import Journal
from remote.jobs.pictures import Pictures
from remote.jobs.slots import Scheduler
from remote.protocol import (
    NEWEST_PROTOCOL,
    Decoder,
    EngineLoad,
    FromApp,
    FromBox,
    Hello,
    Request,
    Setup,
    Status,
    Welcome,
    encode,
)
from tests.support.waiting import until

BOX = Box("h100", "gpu", Setup("/root", "sketch", "", 1.0))


class PatientEngine:
    """Answers each prompt when it is let."""

    name, notice, stage = "patient 1", "", ""
    weights = "patient 1"
    """What it serves."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.begun: list[str] = []
        """The prompts in the order in which they were begun."""
        self.running: list[str] = []
        self._let: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._all = False
        self.broken: defaultdict[str, list[str]] = defaultdict(list)
        """By prompt: what it fails with, once each, before it answers."""
        self.bad: set[str] = set()
        """Prompts that can never be answered."""

    def let(self, *prompts: str) -> None:
        """Answer these; without any, answer all from now on."""
        self._all = self._all or not prompts
        for event in [self._let[prompt] for prompt in prompts] if prompts else self._let.values():
            event.set()

    async def generate(self, request: Request, images: Sequence[bytes]) -> AsyncIterator[Piece]:
        self.begun.append(request.prompt)
        self.running.append(request.prompt)
        try:
            if not self._all:
                await self._let[request.prompt].wait()
        finally:
            self.running.remove(request.prompt)
        if self.broken[request.prompt]:
            raise EngineError(self.broken[request.prompt].pop(0))
        if request.prompt in self.bad:
            raise BadRequest("it broke")
        yield f"A long {request.prompt}."
        yield Completion("stop")

    async def until_running(self, *prompts: str) -> None:
        """Return when exactly these are worked on."""
        await until(lambda: sorted(self.running) == sorted(prompts))

    def serves(self) -> str:
        return self.weights

    @property
    def model(self) -> str:
        """The settings name it."""
        return ""

    async def load(self) -> EngineLoad | None:
        """It does not tell."""
        return None

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        """Its tokens are words, and it counts no long prompts."""
        words = f"{system} {prompt}".split()
        return len(words) if len(words) < 1000 else None

    async def context(self) -> int:
        """It does not tell."""
        return 0

    async def close(self) -> None:
        """Nothing is held."""


class NearBox:
    """One journal with its work. Use `serving_near`."""

    def __init__(self, folder: Path, engine: PatientEngine) -> None:
        folder.mkdir(exist_ok=True)
        self._images = folder / "images"
        self._images.mkdir(exist_ok=True)
        self.engine = engine
        self.journal = Journal(folder / "journal")
        self.board = Board(self.journal)
        pictures = Pictures(self._images, self.board.unfinished_requests())
        self.scheduler = Scheduler(self.board, pictures, self.engine, "r", self._tell)
        self.socket = folder / "socket"
        self.protocol = NEWEST_PROTOCOL
        """The newest one that it speaks."""
        self.refusal = ""
        """Why it changes no replica; empty when it does."""
        self.is_down = False
        self.hears = asyncio.Event()
        """Cleared: what the box says does not arrive."""
        self.hears.set()
        self.sent: list[FromApp] = []
        """What apps have sent over all links."""
        self.heard: list[FromBox] = []
        """What apps have heard over all links."""
        self._visitors: set[Visitor] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    # --- what the visits need ---

    async def welcome(self, hello: Hello) -> Welcome:
        protocol = min(self.protocol, hello.newest)
        return Welcome(
            protocol, "r", self.journal.id, self.journal.last, self.engine.name, "s", "",
            self.engine.slots, await self.scheduler.unfinished(),
            await self.scheduler.serves() if protocol >= 5 else "",
        )  # fmt: skip

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        return await self.engine.count_tokens(system, prompt)

    async def change_replica(self, name: str, change: str) -> str:
        return self.refusal

    async def stop(self, visitor: Visitor, only_idle: bool) -> None:
        """It ends with the test."""

    async def visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visitor = Visitor(self, reader, writer)
        self._visitors.add(visitor)
        try:
            await visitor.run()
        finally:
            self._visitors.discard(visitor)

    def _tell(self, message: FromBox | None) -> None:
        for visitor in self._visitors:
            visitor.tell(message)

    # --- what tests do and see ---

    def set_slots(self, slots: int) -> None:
        """Give the engine so many slots, and say so."""
        self.engine.slots = slots
        self.scheduler.look_for_slots()
        self._tell(Status(0.0, "ready", 0, 0, None, (), slots))

    @contextlib.asynccontextmanager
    async def open_link(
        self, _box: Box, _asker: Asker, seen: JournalCursor, *, look: bool, on_stale: OnStale
    ) -> AsyncIterator[NearLink]:
        """In place of `backend.box.links.link.open_link`."""
        if self.is_down:
            raise BoxUnreachable("the box is down")
        reader, writer = await asyncio.open_unix_connection(self.socket)
        self._writers.add(writer)
        try:
            link = NearLink(self, reader, writer)
            await link.greet(seen)
            yield link
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    def cut(self) -> None:
        """Every link is gone; a new one may be made, unless the box is down."""
        for writer in self._writers:
            writer.transport.abort()

    def lose_pictures(self) -> None:
        """Remove the pictures of every job that the box has."""
        for picture in self._images.iterdir():
            picture.unlink()

    def told(self, kind: str) -> list[str]:
        """The jobs that the journal has a record of this kind of, in order."""
        return [str(r.body["job"]) for r in self.journal.read() if r.body["type"] == kind]

    async def until_told(self, kind: str, count: int = 1) -> None:
        """Return when the journal has so many records of this kind."""
        await until(lambda: len(self.told(kind)) >= count)


class NearLink:
    """A link as the dispatcher knows it."""

    welcome: Welcome

    def __init__(
        self, box: NearBox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._box = box
        self._writer = writer
        self._incoming = self._read(reader)

    async def greet(self, seen: JournalCursor) -> None:
        await self.send(Hello(1, NEWEST_PROTOCOL, seen.journal, seen.seq, "", ""))
        welcome = await anext(self._incoming, None)
        if not isinstance(welcome, Welcome):
            raise BoxUnreachable("the link was cut before the box greeted")
        self.welcome = welcome

    async def send(self, message: FromApp) -> None:
        if self._writer.transport.is_closing():
            raise BoxUnreachable("the link was cut")
        self._writer.write(encode(message))
        self._box.sent.append(message)
        await asyncio.sleep(0)

    async def messages(self) -> AsyncIterator[FromBox]:
        async for message in self._incoming:
            await self._box.hears.wait()
            if self._writer.transport.is_closing():
                break
            self._box.heard.append(message)
            if isinstance(message, Status) and message.slots > 0:
                self.welcome = replace(self.welcome, slots=message.slots)
            yield message
        raise BoxUnreachable("the link was cut")

    async def _read(self, reader: asyncio.StreamReader) -> AsyncIterator[FromBox]:
        decoder = Decoder()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                for message in decoder.feed(data):
                    assert isinstance(message, get_args(FromBox))
                    yield message


@contextlib.asynccontextmanager
async def serving_near(
    folder: Path, slots: int, engine: PatientEngine | None = None
) -> AsyncIterator[NearBox]:
    """A box at work."""
    box = NearBox(folder, engine or PatientEngine(slots))
    server = await asyncio.start_unix_server(box.visit, box.socket)
    working = asyncio.create_task(box.scheduler.run())
    try:
        yield box
    finally:
        server.close()
        box.cut()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        box.journal.close()


@contextlib.asynccontextmanager
async def looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType
) -> AsyncIterator[NearBox]:
    """A box to which this module of the backend opens links that only look."""
    async with serving_near(folder / "box", 1) as near:

        @contextlib.asynccontextmanager
        async def open_link(
            box: Box, asker: Asker, seen: JournalCursor, *, look: bool
        ) -> AsyncIterator[NearLink]:
            assert look  # no daemon is replaced
            async with near.open_link(box, asker, seen, look=look, on_stale=lambda _: None) as link:
                yield link

        monkeypatch.setattr(module, "open_link", open_link)
        yield near
