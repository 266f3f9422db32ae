"""A stand-in for a chat server: it listens on real sockets and says what a test has written down.

It is no model server and knows nothing of the API. What a real one says is shown by the tests that run
vLLM; here are the cases that a real one cannot be brought to on demand.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from remote.engines.http import Server
from remote.protocol import Json

BOUND = 45.0
"""Seconds that anything may take here before the test has failed."""


class Visit:
    """One connection: what was asked on it, and the means to answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.method = ""
        self.path = ""
        self.headers: dict[str, str] = {}
        self.body = b""

    @property
    def json(self) -> dict[str, Json]:
        """What was asked, as the object that it is."""
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value

    async def read_head(self) -> None:
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
        self.method, self.path, version = lines[0].split(" ")
        assert version == "HTTP/1.1"
        for line in filter(None, lines[1:]):
            name, _, value = line.partition(": ")
            assert name.lower() not in self.headers, "a header came twice"
            self.headers[name.lower()] = value

    async def read_body(self) -> None:
        self.body = await self._reader.readexactly(int(self.headers.get("content-length", "0")))

    async def send(self, *parts: bytes) -> None:
        """Each part in a packet of its own."""
        for part in parts:
            self._writer.write(part)
            await self._writer.drain()
            await asyncio.sleep(0)

    async def left(self) -> None:
        """Return when the client has closed the connection; fail when it does not."""
        async with asyncio.timeout(BOUND):
            while await self._reader.read(1 << 16):
                pass

    def hang_up(self) -> None:
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


Script = Callable[[Visit], Awaitable[None]]
"""What the stand-in does when a request has come. The connection is closed after it; if the client closes
it before, the script ends there."""


@dataclass
class StandIn:
    """The stand-in while it listens."""

    server: Server
    visits: list[Visit] = field(default_factory=list)
    visited: asyncio.Event = field(default_factory=asyncio.Event)
    """A request has come."""

    @property
    def visit(self) -> Visit:
        """The one visit that there was."""
        (visit,) = self.visits
        return visit


@contextlib.asynccontextmanager
async def standing_in(
    script: Script,
    *,
    path: str = "",
    port: int = 0,
    api_key: str = "",
    socket: Path | None = None,
    tls: ssl.SSLContext | None = None,
    reads_body: bool = True,
) -> AsyncIterator[StandIn]:
    """A stand-in that follows the script; at the end, whatever failed in the script fails the test."""
    stand_in = StandIn(Server("http://localhost"))
    tasks: list[asyncio.Task[None]] = []
    taken: list[Visit] = []

    async def answer(visit: Visit) -> None:
        try:
            await visit.read_head()
            if reads_body:
                await visit.read_body()
        except asyncio.IncompleteReadError:
            return  # gone before it had asked
        else:
            stand_in.visits.append(visit)
            stand_in.visited.set()
            with contextlib.suppress(ConnectionError):  # the client may have seen enough
                await script(visit)
        finally:
            await visit.close()

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(Visit(reader, writer))
        tasks.append(asyncio.ensure_future(answer(taken[-1])))

    if socket is not None:
        listening = await asyncio.start_unix_server(take, socket)
        stand_in.server = Server(f"http://localhost{path}", str(socket), api_key)
    else:
        listening = await asyncio.start_server(take, "127.0.0.1", port, ssl=tls)
        port = listening.sockets[0].getsockname()[1]
        scheme = "http" if tls is None else "https"
        stand_in.server = Server(f"{scheme}://127.0.0.1:{port}{path}", None, api_key)
    try:
        yield stand_in
        async with asyncio.timeout(BOUND):
            await asyncio.gather(*tasks)
    finally:
        # asyncio loses a connection that it has accepted and not passed on when the server closes.
        for listener in listening.sockets:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        await asyncio.sleep(0.01)
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for visit in taken:
            visit.hang_up()  # one that was taken at the last moment was never begun


# --- things to say --------------------------------------------------------------------------------


def head(status: str = "200 OK", **headers: str) -> bytes:
    """A status line and headers; an underscore in a name stands for a hyphen."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1")


def whole(body: bytes, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """An answer of known length."""
    return head(status, Content_Type=kind, Content_Length=str(len(body))) + body


EVENTS = head(Content_Type="text/event-stream; charset=utf-8", Transfer_Encoding="chunked")
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(value: object) -> bytes:
    """A server-sent event as vLLM writes it, characters beyond ASCII as they are."""
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def delta(text: str | None, ending: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": ending}
    return event({"object": "chat.completion.chunk", "choices": [choice]})


def usage(prompt: int, completion: int, **others: str) -> bytes:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion}
    return event({"choices": [], "usage": counts, **others})


DONE = b"data: [DONE]\n\n"


def streamed(*events: bytes) -> bytes:
    """A whole streamed answer."""
    return EVENTS + b"".join(map(chunk, events)) + END
