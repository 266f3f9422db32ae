"""What a model server answers: a response or an error of ours, and events however their bytes are cut."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast

from remote.engines import EngineError
from remote.engines.http import Server
from remote.engines.http.connection import MOST_LINE, Connection
from remote.engines.http.events import EventDecoder, EventTooLong
from remote.engines.http.response import MOST_BODY, Response

_LOOP = asyncio.new_event_loop()
_SERVER = Server("http://127.0.0.1:8000", api_key="sk-secret")
_SECONDS = 10.0


def seeds() -> Iterable[bytes]:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    events = b'data: {"choices":[]}\n\n: ping\r\ndata: a\rdata: b\n\ndata: [DONE]\n\n'
    yield b"\0" + head + b"\r\n" + events
    yield (
        b"\1" + head + b"Transfer-Encoding: chunked\r\n\r\n5;x=y\r\ndata:\r\n3\r\n a\n\r\n0\r\n\r\n"
    )
    yield b"\2HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 503 x\r\nContent-Length: 4\r\n\r\nbusy"
    yield b"\3HTTP/1.1 401 no\r\nAuthorization: Bearer sk-secret\r\nnone\r\n\r\n"


def check(data: bytes) -> None:
    _LOOP.run_until_complete(_answer(data[1:], in_events=data[:1] < b"\2"))
    events = data[1:]
    size = 1 + (data[0] if data else 0) % 7
    pieces = [events[at : at + size] for at in range(0, len(events), size)]
    assert _events([events]) == _events(pieces)


async def _answer(data: bytes, *, in_events: bool) -> None:
    reader = asyncio.StreamReader(limit=MOST_LINE)
    reader.feed_data(data)
    reader.feed_eof()
    connection = Connection(_SERVER, reader, cast(asyncio.StreamWriter, _NoWriter()))
    connection.allow(_SECONDS)
    try:
        status, headers = await connection.read_head()
        assert 200 <= status <= 999
        response = Response(connection, status, headers)
        if in_events:
            async for event in response.events():
                event.encode()
        else:
            assert len(await response.read()) <= MOST_BODY
    except EngineError as error:
        assert "sk-secret" not in str(error)


def _events(pieces: Iterable[bytes]) -> list[str]:
    decoder = EventDecoder()
    found: list[str] = []
    try:
        for piece in pieces:
            found += decoder.feed(piece)
    except EventTooLong:
        found.append("too long")
    return found


class _NoWriter:
    """A connection of which nothing but an answer is wanted."""

    transport = property(lambda self: self)

    def abort(self) -> None:
        """Nothing is open."""
