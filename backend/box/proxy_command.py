"""The user's ProxyCommand: a program whose stdin and stdout are the way to a host.

It is run without a shell, from the words that the ssh config gives, so no name of a host can become a
command. It has no terminal: a program that wants to ask something there fails instead of waiting.
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
    """Runs the command once for each connection. Close it when the connections are."""

    def __init__(self, command: Sequence[str]) -> None:
        """`command` is empty where there is none."""
        self._command = command
        self._processes: list[asyncio.subprocess.Process] = []
        self._draining: list[asyncio.Task[None]] = []
        self._dialled: list[socket.socket] = []
        self._errors = b""

    @property
    def said(self) -> str:
        """The end of what it wrote to stderr, over all runs."""
        return self._errors.decode(errors="replace").strip()

    async def dial(self) -> socket.socket | None:
        """A socket whose other end is a new run of the command; None without a command.

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
                # Ctrl-C is for us: the farewell goes over it.
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
        """End what still runs, and wait for it."""
        for process in self._processes:
            if process.returncode is None:
                # Not process.kill(): it would reap the process before asyncio's own watcher does.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await asyncio.gather(*(process.wait() for process in self._processes))
        for ours in self._dialled:
            ours.close()  # where no connection came about that would have closed it
        for task in self._draining:
            task.cancel()
        await asyncio.gather(*self._draining, return_exceptions=True)

    async def _drain(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None  # noqa: S101 - for mypy
        while data := await process.stderr.read(_KEPT_ERRORS):
            self._errors = (self._errors + data)[-_KEPT_ERRORS:]
