"""Bytes from one connection, whose peer may be silent only so long; every trouble as one of ours."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Iterator

from remote.engines import EngineError
from remote.engines.http.server import Server

MOST_LINE = 1 << 16
"""Bytes that a line of the head may have."""
MOST_HEADERS = 100
_MOST_EARLY_ANSWERS = 8
_PIECE = 1 << 16
_QUOTED = 60
"""Characters of what the server said that a message repeats."""


class Unreachable(EngineError):
    """Nobody answers there, or not as who they should be (TLS)."""


class Silent(EngineError):
    """The server took the connection and then said nothing for too long."""


class BrokenConnection(EngineError):
    """The server broke off, or what it says is not HTTP as we read it."""


def reason(error: OSError) -> str:
    """What went wrong, without the address that asyncio puts there."""
    if error.errno is None or isinstance(error, (ssl.SSLError, socket.gaierror)):
        return error.strerror or str(error) or type(error).__name__
    return os.strerror(error.errno)


class Connection:
    """Bytes from a server that must not be silent beyond a moment; every trouble as one of ours."""

    def __init__(
        self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server = server
        self._reader = reader
        self._writer = writer
        self._buffer = bytearray()
        """What came and was not asked for yet: most often the rest of an event."""
        self._loop = asyncio.get_running_loop()
        self._seconds = 0.0
        self._deadline = 0.0

    def allow(self, seconds: float) -> None:
        """From now on, the server has this long until the next `allow`."""
        self._seconds = seconds
        self._deadline = self._loop.time() + seconds

    def broken(self, what: str, said: bytes | str | None = None) -> BrokenConnection:
        """The error that the server did `what`; `said` is quoted, in part and without the key."""
        if said is None:
            return BrokenConnection(f"{self.server.label} {what}")
        text = said if isinstance(said, str) else said.decode("latin-1")
        return BrokenConnection(
            f"{self.server.label} {what}: {self.server.without_key(text)[:_QUOTED]!r}"
        )

    async def read_head(self) -> tuple[int, dict[str, str]]:
        """Status, and headers by lower-case name; those of "100 Continue" and the like are passed over."""
        for _ in range(_MOST_EARLY_ANSWERS):
            status = self._status(await self.read_line())
            headers = await self._read_headers()
            if status >= 200:
                return status, headers
        raise self.broken("never comes to its answer")

    async def read_line(self) -> bytes:
        """The next line without its end."""
        while (end := self._buffer.find(b"\n")) < 0 and len(self._buffer) <= MOST_LINE:
            if not await self._read_more():
                raise self.broken("closed the connection before its answer was whole")
        if not 0 <= end <= MOST_LINE:
            raise self.broken(f"sent a line of more than {MOST_LINE:,} bytes")
        return self._take(end + 1).rstrip(b"\r\n")

    async def read_some(self, most: int = _PIECE) -> bytes:
        """At least one byte, and b"" at the end."""
        if not self._buffer:
            await self._read_more()
        return self._take(most)

    async def _read_more(self) -> bool:
        """Wait for more; returns whether there is more, or that was the end."""
        with self._bounded():
            more = await self._reader.read(_PIECE)
        self._buffer += more
        return bool(more)

    def _take(self, most: int) -> bytes:
        taken = bytes(self._buffer[:most])
        del self._buffer[:most]
        return taken

    def _status(self, line: bytes) -> int:
        version, _, rest = line.partition(b" ")
        code = rest[:3]
        if not version.startswith(b"HTTP/1.") or not (code.isdigit() and len(code) == 3):
            raise self.broken("does not speak HTTP/1", line)
        return int(code)

    async def _read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for _ in range(MOST_HEADERS + 1):
            line = await self.read_line()
            if not line:
                return headers
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                raise self.broken("sent a header that is none", line)
            headers[name.strip().lower()] = value.strip()
        raise self.broken(f"sent more than {MOST_HEADERS} headers")

    @contextlib.contextmanager
    def _bounded(self) -> Iterator[None]:
        timer = self._loop.call_at(self._deadline, self._give_up)
        try:
            yield
        except OSError as error:
            raise self.broken(f"broke the connection: {reason(error)}") from None
        finally:
            timer.cancel()

    def _give_up(self) -> None:
        # Told to the reader and not by cancelling the task: a cancel of the caller's stays one.
        self._reader.set_exception(
            Silent(f"{self.server.label} said nothing for {self._seconds:g} s")
        )
        self._writer.transport.abort()
