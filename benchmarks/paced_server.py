"""A stand-in for a model server that writes every answer in the same time, however many are asked for.

    python benchmarks/paced_server.py SECONDS PIECES

So whoever asks it for a fixed number of answers at once gets a fixed pace, as from a GPU whose batch is full.
It is a process of its own, prints the port at which it listens, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LOOPBACK = "127.0.0.1"
_LONGEST = 1 << 16
"""Bytes of a request's head."""
_WAITING = 512
"""Connections that may wait to be taken."""
_END_SECONDS = 10.0
MODEL = "paced"


@dataclass(frozen=True, slots=True)
class PacedServer:
    """A server that listens. Use `paced_server`."""

    base_url: str
    """With /v1 at its end."""
    pid: int


@contextlib.contextmanager
def paced_server(seconds: float, pieces: int = 5) -> Iterator[PacedServer]:
    """A server whose answers take so long and come in so many pieces, until the block ends."""
    process = subprocess.Popen(
        [sys.executable, __file__, str(seconds), str(pieces)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        port = int(process.stdout.readline())
        yield PacedServer(f"http://{_LOOPBACK}:{port}/v1", process.pid)
    finally:
        process.kill()
        process.communicate(timeout=_END_SECONDS)


class _Paced:
    """Answers each connection once."""

    def __init__(self, seconds: float, pieces: int) -> None:
        self._seconds = seconds
        self._pieces = pieces

    async def visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            if head.startswith("POST"):
                lengths = [it for it in head.lower().splitlines() if it[:15] == "content-length:"]
                json.loads(await reader.readexactly(int(lengths[0].partition(":")[2])))
                await self._answer(writer)
            else:
                writer.write(_head("404 Not Found", "application/json") + b"{}")
                await writer.drain()
        writer.close()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        writer.write(_head("200 OK", "text/event-stream"))
        for piece in range(1, self._pieces + 1):
            at = begun + self._seconds * piece / self._pieces
            await asyncio.sleep(max(0.0, at - loop.time()))
            choice = {"index": 0, "delta": {"content": f"piece {piece} "}, "finish_reason": None}
            writer.write(_event({"choices": [choice]}))
            await writer.drain()
        last = {"index": 0, "delta": {}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 20, "completion_tokens": self._pieces}
        writer.write(_event({"choices": [last]}) + _event({"choices": [], "usage": usage}))
        writer.write(b"data: [DONE]\n\n")
        await writer.drain()


def _head(status: str, kind: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode()


def _event(value: object) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


async def _serve(seconds: float, pieces: int) -> None:
    server = await asyncio.start_server(
        _Paced(seconds, pieces).visit, _LOOPBACK, 0, backlog=_WAITING, limit=_LONGEST
    )
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - whoever started it reads this
    async with server:
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]), int(sys.argv[2])))
