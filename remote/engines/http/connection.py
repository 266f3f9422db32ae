"""Reads from one connection, with a time limit on the server's silence; every error is an EngineError."""

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
"""Bytes that a line of the response's head may have."""
MOST_HEADERS = 100
_MOST_EARLY_ANSWERS = 8
_PIECE = 1 << 16
_QUOTED = 60
"""Characters of the server's data that an error message quotes."""


class Unreachable(EngineError):
    """No server answers at the address."""


class NoWay(Unreachable):
    """The way to the server is closed until somebody mends the box or its settings."""


class Untrusted(NoWay):
    """The server's TLS certificate is wrong."""


class Silent(EngineError):
    """The server accepted the connection and then sent nothing for too long."""


class BrokenConnection(EngineError):
    """The server broke the connection, or its data is not HTTP/1."""


class LostConnection(BrokenConnection):
    """The server closed or reset the connection before its answer was whole."""


class Unanswered(LostConnection):
    """The server closed or reset the connection before its answer began."""


def reason(error: OSError) -> str:
    """The system's text for an error, without the address that asyncio adds."""
    if error.errno is None or isinstance(error, (ssl.SSLError, socket.gaierror)):
        return error.strerror or str(error) or type(error).__name__
    return os.strerror(error.errno)


class Connection:
    """One connection to a server. Every read has a deadline, which `allow` sets."""

    def __init__(
        self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server = server
        self._reader = reader
        self._writer = writer
        self._buffer = bytearray()
        """Received bytes that are not read yet: most often the rest of an event."""
        self._loop = asyncio.get_running_loop()
        self._seconds = 0.0
        self._deadline = 0.0
        self._has_begun = False
        """Whether the answer's head has come."""

    def allow(self, seconds: float) -> None:
        """Set the deadline: the server may be silent for this many seconds, until the next `allow`."""
        self._seconds = seconds
        self._deadline = self._loop.time() + seconds

    def broken(self, what: str, said: bytes | str | None = None) -> BrokenConnection:
        """Make the error that the server did `what`; it quotes the start of `said`, without the key."""
        if said is None:
            return BrokenConnection(f"{self.server.label} {what}")
        text = said if isinstance(said, str) else said.decode("latin-1")
        return BrokenConnection(
            f"{self.server.label} {what}: {self.server.without_key(text)[:_QUOTED]!r}"
        )

    def lost(self, what: str) -> LostConnection:
        """Make the error that the server ended the connection: "closed …", "broke …"."""
        words = f"{self.server.label} {what}"
        return LostConnection(words) if self._has_begun else Unanswered(words)

    async def read_head(self) -> tuple[int, dict[str, str]]:
        """Read the status, and the headers by lower-case name. Answers such as "100 Continue" are ignored."""
        for _ in range(_MOST_EARLY_ANSWERS):
            status = self._status(await self.read_line())
            headers = await self._read_headers()
            if status >= 200:
                self._has_begun = True
                return status, headers
        raise self.broken("never comes to its answer")

    async def read_line(self) -> bytes:
        """Read the next line, without its line break."""
        while (end := self._buffer.find(b"\n")) < 0 and len(self._buffer) <= MOST_LINE:
            if not await self._read_more():
                raise self.lost("closed the connection before its answer was whole")
        if not 0 <= end <= MOST_LINE:
            raise self.broken(f"sent a line of more than {MOST_LINE:,} bytes")
        return self._take(end + 1).rstrip(b"\r\n")

    async def read_some(self, most: int = _PIECE) -> bytes:
        """Read at least one byte; b"" means the end of the stream."""
        if not self._buffer:
            await self._read_more()
        return self._take(most)

    async def _read_more(self) -> bool:
        """Wait for more bytes. Returns False at the end of the stream."""
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
            raise self.lost(f"broke the connection: {reason(error)}") from None
        finally:
            timer.cancel()

    def _give_up(self) -> None:
        # The reader raises the error. Cancelling the task instead would look like a cancel by the caller.
        self._reader.set_exception(
            Silent(f"{self.server.label} said nothing for {self._seconds:g} s")
        )
        self._writer.transport.abort()
