"""Asks the KnownHostsCommand of the ssh config for known hosts. It is run without a shell."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence

_SECONDS = 10.0


async def ask_known_hosts_command(command: Sequence[str]) -> str:
    """Return what a KnownHostsCommand prints. As for OpenSSH, one that fails says nothing."""
    if not command:
        return ""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return ""
    try:
        async with asyncio.timeout(_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return output.decode("utf-8", "replace") if process.returncode == 0 else ""
