"""The embedded box: an SSH server inside the app, on loopback, with keys that are made for each run.

With it, the whole program works on a fresh machine, with the same channel, deploy and runner as for a remote
box. It runs nothing but that runner, and accepts no client but this app.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Protocol

import asyncssh

from backend.box.links.channel import BOOTSTRAP, COMMAND

_LOOPBACK = "127.0.0.1"
_KEY = "ssh-ed25519"
_USER = "upsample"
_CANNOT_EXECUTE = 126
_CHUNK = 1 << 16


class _Source(Protocol):
    async def read(self, n: int = ..., /) -> bytes: ...


class _Sink(Protocol):
    def write(self, data: bytes, /) -> None: ...

    async def drain(self) -> None: ...

    def write_eof(self) -> None: ...


@contextlib.asynccontextmanager
async def embedded_connection() -> AsyncIterator[asyncssh.SSHClientConnection]:
    """Start an SSH server and connect to it. The server ends with the connection."""
    host_key = asyncssh.generate_private_key(_KEY)
    client_key = asyncssh.generate_private_key(_KEY)
    server = await asyncssh.listen(
        _LOOPBACK,
        0,
        server_host_keys=[host_key],
        authorized_client_keys=asyncssh.import_authorized_keys(
            client_key.export_public_key().decode()
        ),
        process_factory=_run,
        sftp_factory=True,
        encoding=None,
        config=None,
    )
    async with server:
        connection = await asyncssh.connect(
            _LOOPBACK,
            server.get_port(),
            username=_USER,
            client_keys=[client_key],
            known_hosts=([host_key.convert_to_public()], [], []),
            agent_path=None,
            config=None,
        )
        async with connection:
            yield connection


async def _run(session: asyncssh.SSHServerProcess[bytes]) -> None:
    if session.command != COMMAND:
        session.exit(_CANNOT_EXECUTE)
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", BOOTSTRAP,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None  # noqa: S101 - for mypy
    assert process.stdout is not None  # noqa: S101 - for mypy
    assert process.stderr is not None  # noqa: S101 - for mypy
    # asyncssh's own redirect ends the whole connection when the runner stops reading, and the runner's error
    # message would be lost.
    feeding = asyncio.create_task(_copy(session.stdin, process.stdin))
    try:
        await asyncio.gather(
            _copy(process.stdout, session.stdout), _copy(process.stderr, session.stderr)
        )
        session.exit(await process.wait())
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        if process.returncode is None:
            # Not process.kill(): it would reap the process before asyncio's own watcher does.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            await process.wait()


async def _copy(source: _Source, sink: _Sink) -> None:
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()
        sink.write_eof()
