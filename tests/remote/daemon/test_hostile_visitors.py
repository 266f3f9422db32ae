"""Whatever else connects to the daemon's socket, an app is served, and the daemon stays what it was."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from remote.protocol import MAX_MESSAGE, Hello, Ping, encode
from tests.remote.attached import Box, ask, png, submit

JOB = ask("a harbour at dusk", [png()])
HELLO = encode(Hello(1, 4, "", -1, "", ""))
MOST_KIB = 400 * 1024
"""Of memory, at most; a daemon that serves nobody takes 25 MiB."""

_SECONDS = 100.0
"""That the app's jobs and all visits beside them may take."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def connected(box: Box) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_unix_connection(box.place.socket)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()  # what it has not sent yet, nobody waits for


def framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def says(data: bytes) -> Callable[[Box], Awaitable[None]]:
    """Says this, hears what comes of it, and hangs up if the box does not."""

    async def visit(box: Box) -> None:
        async with connected(box) as (reader, writer):
            writer.write(data)
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(3):
                    await writer.drain()
                    while await reader.read(1 << 16):
                        pass

    return visit


async def takes_nothing(box: Box) -> None:
    """Asks for more and more, and reads no answer."""
    async with connected(box) as (_, writer):
        writer.write(HELLO)
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(3):
                while True:
                    writer.write(encode(Ping(1)) * 1000)
                    await writer.drain()


LIES = [
    replace(JOB, job="0" * 64),
    replace(JOB, images=()),
    replace(JOB, images=("not base64!",)),
    submit(JOB.request, [png(shade=1)]),
    submit(replace(JOB.request, frames=JOB.request.frames * 1000), [png()] * 1000),
]

VISITS = [
    says(b""),
    says(b"\0\0"),
    says(framed(b"x" * 1000)[:20]),
    says(MAX_MESSAGE.to_bytes(4, "big") + b"x" * (1 << 20)),
    says(b"GET / HTTP/1.1\r\n\r\n"),
    says(framed(b"[" * 1_000_000)),
    says(framed(b"[" + b"[]," * (MAX_MESSAGE // 3 - 1) + b"1]")),
    says(framed(b'{"type":"hello","oldest":' + b"9" * 100_000 + b"}")),
    says(HELLO + HELLO),
    says(HELLO + encode(JOB)[:-10]),
    *(says(HELLO + encode(lie)) for lie in LIES),
    takes_nothing,
]


def status_of(process: int) -> dict[str, str]:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return dict(line.split(":", 1) for line in lines)


@pytest.mark.timeout(200)
async def test_an_app_is_served_whatever_others_do(box: Box) -> None:
    async with box.visited() as app:
        daemon = box.daemon()
        others = asyncio.gather(*(visit(box) for visit in VISITS))
        async with asyncio.timeout(_SECONDS):
            for number in range(20):
                job = ask(f"scene {number}")
                await app.send(job)
                await app.done(job)
            await others
        await app.send(JOB)
        await app.done(JOB)
        assert box.daemon() == daemon
        most = int(status_of(daemon)["VmHWM"].split()[0])
        assert most < MOST_KIB
    assert (box.place.state / "daemon.err").read_text() == ""
    assert "Traceback" not in box.place.log.read_text()
