"""The daemons that tests leave behind: found by the folder that their runner lies in, and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from tests.support.leftovers import files_of, remove

_SECONDS = 20.0


def daemons_below(folder: Path) -> dict[int, Path]:
    """Processes that run a runner from somewhere below `folder`, with the folder it lies in."""
    found: dict[int, Path] = {}
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes().split(b"\0")
            if not process.name.isdigit() or command[3:4] != [b"daemon"]:
                continue
            runner = Path(os.fsdecode(command[2]))
            if runner.is_relative_to(folder):
                found[int(process.name)] = runner.parent
    return found


def end_daemons(folder: Path) -> None:
    """Kill every daemon below `folder`, return when they are gone, and remove what they leave elsewhere."""
    for process in daemons_below(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    deadline = time.monotonic() + _SECONDS
    while daemons_below(folder):
        assert time.monotonic() < deadline, "a daemon does not end"
        time.sleep(0.02)
    for file in files_of(Path(below) for below, _, _ in os.walk(folder)):
        remove(file)
