"""An engine may get more or fewer slots while the daemon runs, and apps hear how many it has now.

The daemon runs in this process, with an engine whose slots a test sets.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from remote.daemon import daemon as daemon_module
from remote.daemon import telemetry
from remote.daemon.daemon import Daemon
from remote.paths import DaemonPaths
from remote.protocol import (
    NEWEST_PROTOCOL,
    Decoder,
    EngineStage,
    Hello,
    Message,
    Setup,
    Status,
    Welcome,
    encode,
)
from tests.remote.attached import BOUND, ask
from tests.support.near_box import PatientEngine

PROMPTS = [f"scene {number}" for number in range(4)]


class Site:
    """A daemon in this process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "images").mkdir()
        self.engine = PatientEngine(slots=2)
        tells: list[Callable[[EngineStage], None]] = []

        def make(
            _setup: Setup, _paths: DaemonPaths, tell: Callable[[EngineStage], None]
        ) -> PatientEngine:
            tells.append(tell)
            return self.engine

        monkeypatch.setattr(daemon_module, "make_engine", make)
        self.paths = DaemonPaths(folder, folder, "key")
        self.daemon = Daemon(self.paths, Setup(str(folder), "sketch", "", 60.0), "r")
        (self.tell,) = tells

    @contextlib.asynccontextmanager
    async def visited(self, newest: int) -> AsyncIterator[AsyncIterator[Message]]:
        """What an app of this protocol hears."""
        reader, writer = await asyncio.open_unix_connection(self.paths.socket)
        writer.write(encode(Hello(1, newest, "", 0, "", "")))
        try:
            async with asyncio.timeout(BOUND):
                yield messages_of(reader)
        finally:
            writer.close()


async def messages_of(reader: asyncio.StreamReader) -> AsyncIterator[Message]:
    decoder = Decoder()
    while data := await reader.read(1 << 16):
        for message in decoder.feed(data):
            yield message


async def status_with(messages: AsyncIterator[Message], slots: int) -> Status:
    """The next status with so many slots."""
    async for message in messages:
        if isinstance(message, Status) and message.slots == slots:
            return message
    raise AssertionError(slots)


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(telemetry, "_PERIOD", 0.02)
    site = Site(tmp_path, monkeypatch)
    ready = asyncio.Event()
    running = asyncio.create_task(site.daemon.run(ready.set))
    await ready.wait()
    try:
        yield site
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_waiting_jobs_start_as_soon_as_the_engine_tells_that_it_has_more_slots(
    site: Site,
) -> None:
    for prompt in PROMPTS:
        await site.daemon.scheduler.submit(ask(prompt))
    await site.engine.until_running(*PROMPTS[:2])
    async with site.visited(NEWEST_PROTOCOL) as messages:
        welcome = await anext(messages)
        assert isinstance(welcome, Welcome)
        assert welcome.slots == 2
        site.engine.slots = 3
        site.tell(EngineStage(1.0, "ready"))
        await site.engine.until_running(*PROMPTS[:3])
        assert (await status_with(messages, 3)).jobs_running == 3
        site.engine.slots = 1
        site.engine.let(*PROMPTS[:2])
        assert (await status_with(messages, 1)).jobs_waiting == 1
        await site.engine.until_running(PROMPTS[2])
        site.engine.let(PROMPTS[2])
        await site.engine.until_running(PROMPTS[3])
