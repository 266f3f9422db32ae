"""A terminal for a program that draws: a pty, what is typed into it, and what comes out, with times.

It understands nothing of what is drawn; it looks for bytes in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

SIZE = (40, 120)
"""Lines and columns."""
_TICKS = os.sysconf("SC_CLK_TCK")
_NOT_PASSED_ON = ("XDG_", "NO_COLOR", "PYTHONDONTWRITEBYTECODE")
"""Of the environment. An installed program has its byte code."""


class Silent(Exception):
    """The program did not draw what it should."""


class Terminal:
    """A program in a pty of its own, from `with` on; it is ended with it."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        self._command = command
        self._env = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_PASSED_ON)}
        self._env |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", **env}
        self._folder = folder

    def __enter__(self) -> Terminal:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        self.began = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=self._env,
            cwd=self._folder,
            start_new_session=True,
        )
        os.close(theirs)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Its own session: what it started goes with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._ours)

    def until(self, wanted: Callable[[bytes], bool], limit: float) -> float:
        """Seconds until what comes out from now on is as wanted, at most `limit`. Raises Silent."""
        began = time.monotonic()
        drawn = b""
        while not wanted(drawn):
            left = began + limit - time.monotonic()
            piece = self._read(left)
            if piece is None:
                shown = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", drawn)[-300:]
                raise Silent(f"nothing as wanted in {limit:.0f} s; the last of it: {shown!r}")
            # Only the end can hold something new; a name may be split between two pieces.
            drawn = drawn[-200_000:] + piece
        return time.monotonic() - began

    def press(self, key: bytes, wanted: Callable[[bytes], bool], limit: float) -> float:
        """Seconds from writing `key` until what comes out is as wanted."""
        self.drain()
        os.write(self._ours, key)
        return self.until(wanted, limit)

    def drain(self) -> None:
        """Read what is there already."""
        while self._read(0.0):
            pass

    def settle(self, quiet: float, limit: float) -> None:
        """Wait until nothing has come out for so many seconds."""
        end = time.monotonic() + limit
        while self._read(quiet) and time.monotonic() < end:
            pass

    def memory_mb(self) -> float:
        """Megabytes of memory that the program has now (RSS), on Linux."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        return int(found[1]) / 1024 if found else float("nan")

    def cpu_seconds(self) -> float:
        """Processor time that the program took so far, on Linux."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def exact_cpu_seconds(self) -> float:
        """The same to the nanosecond, without threads that have ended, on Linux."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def _read(self, seconds: float) -> bytes | None:
        """What came out; None when nothing did in this time, or the program has ended."""
        ready, _, _ = select.select([self._ours], [], [], max(0.0, seconds))
        try:
            return (os.read(self._ours, 1 << 16) or None) if ready else None
        except OSError:  # how Linux says that the other end is closed
            return None
