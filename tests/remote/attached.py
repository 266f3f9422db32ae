"""The real runner.pyz as an app meets it: a box with a root of its own, and apps that attach there."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import signal
import struct
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from remote.jobs.records import scan
from remote.paths import DaemonPaths, make_daemon_paths
from remote.protocol import (
    MAGIC,
    NEWEST_PROTOCOL,
    OLDEST_PROTOCOL,
    Accepted,
    Cancelled,
    Decoder,
    Failed,
    Fatal,
    Finished,
    FrameInfo,
    FromApp,
    Hello,
    Message,
    Ping,
    Pong,
    Request,
    Sampling,
    Setup,
    Submit,
    Welcome,
    encode,
)
from tests.support.waiting import wait_until

M = TypeVar("M", bound=Message)

BOUND = 45.0
"""Seconds that anything may take here before the test has failed."""


# --- jobs -----------------------------------------------------------------------------------------


def png(width: int = 16, height: int = 9, shade: int = 90) -> bytes:
    """A picture whose left half has another colour than its right one."""
    row = bytes([shade, 40, 200]) * (width // 2) + bytes([shade, 200, 40]) * (width - width // 2)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + row) * height)
    chunks = ((b"IHDR", head), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def ask(prompt: str, images: Sequence[bytes] = ()) -> Submit:
    """The job of describing these images around this prompt."""
    frames = tuple(
        FrameInfo(hashlib.sha256(image).hexdigest(), 16, 9, float(number))
        for number, image in enumerate(images)
    )
    request = Request("transfer1", "", "", prompt, frames, Sampling(0.6, 300, seed=1))
    return submit(request, images)


def submit(request: Request, images: Sequence[bytes] = ()) -> Submit:
    encoded = tuple(base64.b64encode(image).decode() for image in images)
    return Submit(request.job_id(), request, encoded)


def ask_slowly(prompt: str, looks: int = 6) -> Submit:
    """A job that takes the engine some seconds: many looks at one large picture."""
    return ask(prompt, [png(1280, 704)] * looks)


# --- the box --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Box:
    """A runner, and the setup that it is attached with."""

    runner: Path
    hash: str
    setup: Setup
    python: str

    @property
    def place(self) -> DaemonPaths:
        return make_daemon_paths(self.setup.root)

    def with_setup(self, **changes: object) -> Box:
        """The same runner and root as an app with other settings sees them."""
        changed: dict[str, Any] = dict(changes)
        return replace(self, setup=replace(self.setup, **changed))

    def hello(self, journal: str = "", after: int = -1, newest: int = NEWEST_PROTOCOL) -> Hello:
        return Hello(OLDEST_PROTOCOL, newest, journal, after, self.hash, self.setup.fingerprint())

    @contextlib.asynccontextmanager
    async def attached(self) -> AsyncIterator[App]:
        """An app that has not greeted yet."""
        process = await asyncio.create_subprocess_exec(
            self.python, "-I", str(self.runner), "attach", json.dumps(asdict(self.setup)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        app = App(process)
        try:
            yield app
        finally:
            await app.close()

    @contextlib.asynccontextmanager
    async def visited(
        self, journal: str = "", after: int = -1, newest: int = NEWEST_PROTOCOL
    ) -> AsyncIterator[App]:
        """An app that was welcomed."""
        async with self.attached() as app:
            await app.send(self.hello(journal, after, newest))
            app.welcome = await app.until(Welcome)
            app.after = after if journal == app.welcome.journal else -1
            yield app

    def daemons(self) -> list[int]:
        """The processes that serve this box."""
        ours = [str(self.runner).encode(), b"daemon"]
        found = []
        for process in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                command = (process / "cmdline").read_bytes().split(b"\0")
                # A zombie has no command line any more.
                if process.name.isdigit() and command[2:4] == ours:
                    found.append(int(process.name))
        return found

    def daemon(self) -> int:
        """The one process that serves this box. A process that it forks, and the one that started it, have
        the same command line for a moment.
        """
        found: list[int] = []

        def is_alone() -> bool:
            found[:] = self.daemons()
            return len(found) == 1

        wait_until(is_alone)
        return found[0]

    def kill(self) -> None:
        """Kill the daemon, and return when it is gone."""
        for process in self.daemons():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        wait_until(lambda: not self.daemons())

    def records(self, kind: str) -> list[str]:
        """The jobs of the journal's records of this kind."""
        found, _ = scan(self.place.journal.read_bytes())
        return [str(record.body["job"]) for record in found if record.body["type"] == kind]


LAST_REPLAY = 4
"""The newest protocol in which the box tells an app everything after its cursor, without being asked."""


class Gone(Exception):
    """The box hung up."""


class App:
    """An app at the stdin and stdout of `runner.pyz attach`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.heard: list[Message] = []
        """Everything the box said."""
        self.welcome: Welcome | None = None
        self.after = -1
        """The last seq that it knew when it came."""
        self._messages = self._read()

    @property
    def durable(self) -> list[Accepted | Finished | Failed | Cancelled]:
        """What was heard of the journal."""
        return [m for m in self.heard if isinstance(m, (Accepted, Finished, Failed, Cancelled))]

    async def send(self, *messages: FromApp) -> None:
        await self.send_bytes(b"".join(map(encode, messages)))

    async def send_bytes(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        await self.process.stdin.drain()

    async def until(self, kind: type[M], job: str | None = None) -> M:
        """The next message of this kind (and job). Raises Gone."""
        async with asyncio.timeout(BOUND):
            while True:
                message = await self.next()
                if isinstance(message, kind) and job in (None, getattr(message, "job", None)):
                    return message

    async def next(self) -> Message:
        """The next message. Raises Gone."""
        async for message in self._messages:
            self.heard.append(message)
            return message
        raise Gone(self.heard[-3:])

    async def done(self, job: Submit) -> Finished:
        """The job's end, which is to be a good one."""
        return await self.until(Finished, job.job)

    async def caught_up(self) -> None:
        """Return when everything that was in the journal at the welcome was told, and some time more."""
        assert self.welcome is not None
        async with asyncio.timeout(BOUND):
            while max([self.after, *(message.seq for message in self.durable)]) < self.welcome.last:
                await self.next()
        await self.send(Ping(7))
        await self.until(Pong)

    async def sent_away(self, kind: str) -> Fatal:
        """What the box says before it hangs up."""
        fatal = await self.until(Fatal)
        assert fatal.kind == kind, fatal
        await self.hung_up()
        return fatal

    async def hung_up(self) -> None:
        """Return when the box has hung up."""
        async with asyncio.timeout(BOUND):
            with contextlib.suppress(Gone):
                while True:
                    await self.next()

    async def close(self) -> None:
        """Go away, as an app does whose SSH session ends."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            await self.hung_up()
            await asyncio.wait_for(self.process.wait(), BOUND)
        except TimeoutError:
            self.process.kill()
            raise

    async def _read(self) -> AsyncIterator[Message]:
        out = self.process.stdout
        assert out is not None
        with contextlib.suppress(asyncio.IncompleteReadError):
            assert await out.readexactly(len(MAGIC)) == MAGIC
        decoder = Decoder()
        while data := await out.read(1 << 16):
            for message in decoder.feed(data):
                yield message
