"""Runs the user's ProxyCommand: a program whose stdin and stdout carry the connection to a host.

It is run without a shell, from words (`backend.box.ssh_config.proxy_words`), so a host name cannot become a
command. It has no terminal: a program that asks a question there fails and does not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Sequence

_KEPT_ERRORS = 2048
_CLOSE_SECONDS = 5.0


class ProxyCommand:
    """Runs the command once for each connection. Close it after the connections."""

    def __init__(self, command: Sequence[str]) -> None:
        """`command` is empty where the host needs no ProxyCommand."""
        self._command = command
        self._processes: list[asyncio.subprocess.Process] = []
        self._draining: list[asyncio.Task[None]] = []
        self._dialled: list[socket.socket] = []
        self._errors = b""

    @property
    def program(self) -> str:
        """The program; empty where the host needs no ProxyCommand."""
        return self._command[0] if self._command else ""

    @property
    def said(self) -> str:
        """The end of the stderr of all runs."""
        return self._errors.decode(errors="replace").strip()

    async def dial(self) -> socket.socket | None:
        """Run the command, and return a socket that is connected to it; None without a command.

        Raises OSError when the program cannot be started.
        """
        if not self._command:
            return None
        ours, its = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=its.fileno(),
                stdout=its.fileno(),
                stderr=asyncio.subprocess.PIPE,
                # Ctrl-C must not reach it: we still send our last messages through it.
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            its.close()
        self._dialled.append(ours)
        self._processes.append(process)
        self._draining.append(asyncio.create_task(self._drain(process)))
        return ours

    async def aclose(self) -> None:
        """Kill the runs that have not ended, and wait for them."""
        for process in self._processes:
            if process.returncode is None:
                # Not process.kill(): it would reap the process before asyncio's own watcher does.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await asyncio.gather(*(process.wait() for process in self._processes))
        for ours in self._dialled:
            ours.close()  # a connection closes its socket, but there may have been none
        for task in self._draining:
            task.cancel()
        await asyncio.gather(*self._draining, return_exceptions=True)

    async def _drain(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None  # noqa: S101 - for mypy
        while data := await process.stderr.read(_KEPT_ERRORS):
            self._errors = (self._errors + data)[-_KEPT_ERRORS:]
