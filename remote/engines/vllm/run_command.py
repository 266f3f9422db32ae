"""Runs one short command with a time limit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class CommandResult:
    """Exit status and output of a command."""

    code: int
    """The exit status; negative when a signal ended the command, as the time limit does."""
    output: str
    """The text on stdout."""
    errors: str
    """The text on stderr."""


async def run_command(
    command: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None
) -> CommandResult:
    """Run a command, and kill it and its children after `seconds`, or at a cancel.

    Raises OSError when it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        env=None if environment is None else dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    communicating = asyncio.ensure_future(process.communicate())
    try:
        ended, _ = await asyncio.wait([communicating], timeout=seconds)
        if ended:
            output, errors = communicating.result()
            assert process.returncode is not None  # noqa: S101 - for mypy: it has been waited for
            return CommandResult(process.returncode, _text(output), _text(errors))
        return CommandResult(-signal.SIGKILL, "", f"it did not end within {seconds:.0f} s")
    finally:
        if not communicating.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        communicating.cancel()
        await asyncio.gather(communicating, return_exceptions=True)
        # `communicate` might never end: a process that left the group may hold the pipes open.
        process._transport.close()  # type: ignore[attr-defined]
        await process.wait()


def _text(output: bytes) -> str:
    return output.decode(errors="replace")
