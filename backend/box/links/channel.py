"""The channel: sends and receives messages over one SSH session that runs `runner.pyz attach` on the box.

The command on the box is a constant. Paths and settings are sent over stdin as JSON, so no shell ever reads
data. Before the runner, the box runs `remote/trusted_path.py`, whose source comes over stdin, too: nothing
that lies on the box is run before it is known that no other user can have changed it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import get_args

import asyncssh

from backend.errors import BoxUnreachable, BoxUnusable
from remote.protocol import (
    MAGIC,
    MAX_FROM_BOX,
    Decoder,
    FromApp,
    FromBox,
    ProtocolError,
    Setup,
    encode,
)

BOOTSTRAP = (
    "import json,sys;"
    'sys.version_info>=(3,10) or sys.exit("Python 3.10 or newer is needed, this is "+sys.version[:7]);'
    'sys.argv=json.loads(open(0,"rb",0,closefd=False).readline());'
    "exec(sys.argv.pop(0))"
)
"""A Python program that reads one JSON line from stdin: the source of a program, which it runs, and the
program's arguments."""

COMMAND = f"python3 -I -c '{BOOTSTRAP}'"

_STARTER = importlib.resources.files("remote").joinpath("trusted_path.py")
"""The program that runs the runner, if no other user can have changed it."""
_EXPOSED = 77
"""Its exit status if one can, as in `remote.trusted_path`."""

_CHUNK = 1 << 16
_STUCK_SECONDS = 60.0
"""Seconds without a byte sent after which the link counts as broken. A slow link may need minutes for a
message."""
_OPEN_SECONDS = 30.0
_ATTACH_SECONDS = 90.0
_CLOSE_SECONDS = 5.0
_MOST_NOISE = 1 << 16
"""Bytes that a login shell may print before the runner speaks."""
_KEPT_ERRORS = 4096
_LARGEST_OWN = 128
"""The greatest exit status of a program itself. A shell reports a signal with a greater one, asyncssh with
a negative one."""
_NOT_FOUND = 127
"""The exit status of a shell when there is no such command."""


class Channel:
    """A connection to a runner on the box. Close it, or the SSH session stays open."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._process = process
        self._errors = b""
        self._put_bytes = 0
        self._draining = asyncio.create_task(self._drain_errors())

    @classmethod
    async def open(
        cls, connection: asyncssh.SSHClientConnection, runner: str, setup: Setup
    ) -> Channel:
        """Start the runner at this path with `attach`, and wait until it is ready.

        Raises BoxUnreachable when the connection breaks or the runner is silent, and BoxUnusable when the
        runner ends.
        """
        return await cls.start(connection, [runner, "attach", json.dumps(asdict(setup))])

    @classmethod
    async def start(
        cls, connection: asyncssh.SSHClientConnection, arguments: Sequence[str]
    ) -> Channel:
        """Start any command of the runner.

        `arguments` begin with the runner's path. Raises as `open` does.
        """
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                process = await connection.create_process(COMMAND, encoding=None)
        except (asyncssh.Error, OSError, TimeoutError) as error:
            why = str(error) or "no answer"
            raise BoxUnreachable(f"the box opens no session: {why}") from error
        channel = cls(process)
        try:
            # A box without python3 may have hung up already; `_await_magic` then raises the error.
            with contextlib.suppress(BoxUnreachable):
                await channel._write(_first_line(arguments))
            async with asyncio.timeout(_ATTACH_SECONDS):
                await channel._await_magic()
        except TimeoutError:
            await channel.close()
            raise BoxUnreachable(
                "the runner on the box does not start", channel._error_output()
            ) from None
        except BaseException:
            await channel.close()
            raise
        return channel

    async def send(self, message: FromApp) -> None:
        """Send one message. Raises BoxUnreachable when the link is broken."""
        await self._write(encode(message))

    def send_soon(self, message: FromApp) -> None:
        """Queue a small message for sending, and do not wait. It is lost where the link is broken."""
        with contextlib.suppress(asyncssh.Error, OSError):
            self._put(encode(message))

    async def messages(self) -> AsyncIterator[FromBox]:
        """Yield the messages from the box, until the channel ends.

        Raises BoxUnreachable when it ends within a message, and BoxUnusable for data that is not a message.
        """
        decoder = Decoder(MAX_FROM_BOX)
        try:
            while data := await self._process.stdout.read(_CHUNK):
                for message in decoder.feed(data):
                    if not isinstance(message, get_args(FromBox)):
                        raise ProtocolError(f"{message.type!r} is not for the app")
                    yield message
        except ProtocolError as error:
            raise BoxUnusable(f"the box does not keep to the protocol: {error}") from error
        except (asyncssh.Error, OSError) as error:
            raise BoxUnreachable(f"the link to the box broke: {error}") from error
        if decoder.pending:
            raise BoxUnreachable("the link to the box broke within a message")

    async def require_success(self) -> None:
        """Wait for the end of a command that has sent its last message.

        Raises BoxUnusable with the end of its stderr when it failed, and BoxUnreachable when the exit status
        is not known.
        """
        await self._wait_closed()
        if self._process.exit_status is None:
            raise BoxUnreachable("the link to the box broke before the runner ended")
        if self._process.exit_status != 0:
            raise BoxUnusable("the runner on the box failed", self._error_output())

    async def close(self) -> None:
        """End the session. The daemon and its work go on."""
        self._process.close()
        await self._wait_closed()
        self._draining.cancel()
        await asyncio.gather(self._draining, return_exceptions=True)

    async def _write(self, data: bytes) -> None:
        try:
            self._put(data)
            await self._drain()
        except (asyncssh.Error, OSError) as error:
            raise BoxUnreachable(f"the link to the box broke: {error}") from error

    def _put(self, data: bytes) -> None:
        self._process.stdin.write(data)
        self._put_bytes += len(data)

    async def _drain(self) -> None:
        sent = self._bytes_sent()
        while True:
            # Not asyncio.wait_for: before Python 3.12 it can swallow a cancel.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STUCK_SECONDS):
                    await self._process.stdin.drain()
                    return
            if self._bytes_sent() == sent:
                raise BoxUnreachable("the box takes nothing any more")
            sent = self._bytes_sent()

    def _bytes_sent(self) -> int:
        return self._put_bytes - self._process.channel.get_write_buffer_size()

    async def _await_magic(self) -> None:
        noise = b""
        while not noise.endswith(MAGIC):
            try:
                byte = await self._process.stdout.read(1)
            except (asyncssh.Error, OSError) as error:
                raise BoxUnreachable(f"the link to the box broke: {error}") from error
            if not byte:
                raise await self._explain_end()
            noise += byte
            if len(noise) > _MOST_NOISE:
                raise BoxUnusable("the login shell of the box does not stop printing")

    async def _explain_end(self) -> BoxUnreachable | BoxUnusable:
        await self._wait_closed()
        if self._process.exit_status == _NOT_FOUND:
            return BoxUnusable(
                "the box has no python3",
                "Install Python 3.10 or newer there, on the PATH of its shell.",
            )
        if self._process.exit_status is None:
            return BoxUnreachable("the link to the box broke before the runner started")
        if self._process.exit_status == _EXPOSED and (told := self._last_error()):
            return BoxUnusable(*told)
        if not 0 <= self._process.exit_status <= _LARGEST_OWN:
            return BoxUnreachable("the runner on the box was killed before it started")
        return BoxUnusable("the runner on the box did not start", self._error_output())

    async def _wait_closed(self) -> None:
        # Not asyncio.wait_for: before Python 3.12 it can swallow a cancel.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._process.wait_closed()

    def _error_output(self) -> str:
        return self._errors.decode(errors="replace").strip()

    def _last_error(self) -> tuple[str, str] | None:
        """The problem and the remedy that the starter has told; None for the words of another program."""
        with contextlib.suppress(ValueError, TypeError):
            problem, remedy = json.loads(self._error_output().rpartition("\n")[2])
            return str(problem), str(remedy)
        return None

    async def _drain_errors(self) -> None:
        with contextlib.suppress(asyncssh.Error, OSError):
            while data := await self._process.stderr.read(_CHUNK):
                self._errors = (self._errors + data)[-_KEPT_ERRORS:]


def _first_line(arguments: Sequence[str]) -> bytes:
    """Make the line that starts the runner with these arguments."""
    return json.dumps([_STARTER.read_text("utf-8"), *arguments]).encode() + b"\n"
