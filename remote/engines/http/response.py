"""A response: its status and headers, and its body in any of HTTP/1's framings."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Mapping

from remote.engines.http.connection import BrokenConnection, Connection, Silent
from remote.engines.http.events import EventDecoder, EventTooLong

MOST_BODY = 4 << 20
"""Bytes of a body that is read whole."""
MOST_STREAM = 64 << 20
"""Bytes of a body that is read event by event."""
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")


class Response:
    """The server's response. Its body can be read once, as a whole or event by event."""

    def __init__(self, connection: Connection, status: int, headers: Mapping[str, str]) -> None:
        self._connection = connection
        self.status = status
        self.headers = headers
        """By lower-case name; of a name that came twice, the last."""

    @property
    def media_type(self) -> str:
        """Such as "application/json"; empty when the server does not say."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def read(self, most: int = MOST_BODY) -> bytes:
        """The whole body. Raises BrokenConnection above `most` bytes, and Silent."""
        body = bytearray()
        async for piece in self._pieces(most):
            body += piece
        return bytes(body)

    async def read_beginning(self, most: int) -> bytes:
        """Read up to `most` bytes of the body; an error ends the reading like the body's end."""
        body = bytearray()
        with contextlib.suppress(BrokenConnection, Silent):
            async for piece in self._framed():
                body += piece
                if len(body) >= most:
                    break
        return bytes(body[:most])

    def allow(self, seconds: float) -> None:
        """Let the server take this many seconds from now until its next event is complete."""
        self._connection.allow(seconds)

    async def events(self) -> AsyncIterator[str]:
        """The data of each server-sent event, until the body ends.

        Comments do not count as events: a proxy before a server that hangs may send them. The caller must
        call `allow` after each event. Raises BrokenConnection above MOST_STREAM bytes, and Silent.
        """
        decoder = EventDecoder()
        try:
            async for piece in self._pieces(MOST_STREAM):
                for event in decoder.feed(piece):
                    yield event
        except EventTooLong as error:
            raise self._connection.broken(f"sent too much: {error}") from None

    async def _pieces(self, most: int) -> AsyncIterator[bytes]:
        total = 0
        async for piece in self._framed():
            total += len(piece)
            if total > most:
                raise self._connection.broken(f"sent a body of more than {most:,} bytes")
            yield piece

    def _framed(self) -> AsyncIterator[bytes]:
        coding = self.headers.get("content-encoding", "identity").lower()
        transfer = self.headers.get("transfer-encoding", "").lower()
        length = self.headers.get("content-length", "")
        if coding != "identity" or transfer not in ("", "chunked"):
            raise self._connection.broken("packs its answer", f"{coding} {transfer}")
        if transfer:
            return self._chunks()
        if not length:
            return self._until_the_end()
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            raise self._connection.broken("sent a length that is none", length)
        return self._exactly(int(length))

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := await self._chunk_size():
            async for piece in self._exactly(size):
                yield piece
            if await self._connection.read_line():
                raise self._connection.broken("sent a chunk that is longer than it says")

    async def _chunk_size(self) -> int:
        line = await self._connection.read_line()
        digits = line.partition(b";")[0].strip()
        # int() alone would take "0x10", "+1" and "1_0".
        if not _CHUNK_SIZE.fullmatch(digits):
            raise self._connection.broken("sent a chunk without a size", line)
        return int(digits, 16)

    async def _exactly(self, size: int) -> AsyncIterator[bytes]:
        while size:
            piece = await self._connection.read_some(size)
            if not piece:
                raise self._connection.lost("closed the connection before its answer was whole")
            size -= len(piece)
            yield piece

    async def _until_the_end(self) -> AsyncIterator[bytes]:
        while piece := await self._connection.read_some():
            yield piece
