"""The embedded box: an SSH server inside the app, on loopback, with keys made for this one run.

It exists so that the whole program works on a fresh machine by the same way as on a rented one: same
channel, same deploy, same runner. It runs nothing but that runner, and lets nobody in but this app.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import asyncssh

from backend.box.channel import BOOTSTRAP, COMMAND

_LOOPBACK = "127.0.0.1"
_KEY = "ssh-ed25519"
_USER = "upsample"
_CANNOT_EXECUTE = 126
_CLOSE_SECONDS = 5.0


@contextlib.asynccontextmanager
async def embedded_connection() -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection to an SSH server that lives as long as the connection does."""
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
    try:
        await session.redirect(stdin=process.stdin, stdout=process.stdout, stderr=process.stderr)
        session.exit(await process.wait())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        # Awaits what `redirect` left behind.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(session.wait_closed(), _CLOSE_SECONDS)
