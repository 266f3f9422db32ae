"""How much memory a command takes at most."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

_LAUNCHER = """\
import os, sys
told, command = sys.argv[1], sys.argv[2:]
process = os.posix_spawn(command[0], command, os.environ)
_, status, usage = os.wait4(process, 0)
with open(told, "w") as file:
    file.write(str(usage.ru_maxrss * 1024))
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """How a command ended."""

    status: int
    out: str
    err: str
    peak: int
    """The most memory it held, in bytes."""


def measure(
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    *,
    seconds: float = 100,
) -> Measured:
    """Run a command with nothing to read, and see its peak.

    A small process starts it: on Linux the peak of a process begins at that of whoever started it, and one
    that has run many tests was large at some time.
    """
    with TemporaryDirectory() as folder:
        told = Path(folder, "peak")
        ended = subprocess.run(
            [sys.executable, "-c", _LAUNCHER, told, *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        return Measured(ended.returncode, ended.stdout, ended.stderr, int(told.read_text()))
