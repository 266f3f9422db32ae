"""The lock that lets one process at a time dispatch jobs: two would send the same jobs and write the same
files.

Other processes may read the queue, add jobs, and request changes, which the process with the lock applies.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from backend.errors import QueueTaken
from backend.files import open_private
from backend.store import Store
from backend.store.trouble import unusable

_LONGEST_COMMAND = 120
"""The most characters of a command line that are shown."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds the lock, as the lock file describes it."""

    process: int
    """Process id; 0 where the file does not say."""
    since: float
    """Unix time at which it took the lock; 0 where the file does not say."""
    command: str
    """Command line, as a shell would take it. Data: sanitise before showing."""
    host: str = ""
    """The name of its machine, which may share our home; empty where the file does not say."""

    @property
    def mark(self) -> str:
        """Tells what this process writes into the queue's file from what an earlier holder wrote."""
        return f"{self.process} {self.since!r}"

    def describe(self) -> str:
        """Describe the process in words."""
        is_elsewhere = self.host not in ("", socket.gethostname())
        where = f" on {self.host}" if is_elsewhere else ""
        facts = [f"process {self.process}{where}"] if self.process else []
        facts += [f"`{self.command}`"] if self.command else []
        facts += [f"since {_clock(self.since)}"] if self.since else []
        return f"another upsample ({', '.join(facts)})" if facts else "another upsample"


@contextlib.contextmanager
def dispatcher_lock(store: Store) -> Iterator[Holder]:
    """Hold the lock of the queue for a block of code, which gets the description of this process.

    Raises QueueTaken when another process holds it, and QueueError when the file system has no locks.
    """
    descriptor = open_private(store.path.with_suffix(".lock"))
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(os.pread(descriptor, 1 << 12, 0))
            raise QueueTaken(
                holder.describe(),
                "Wait until it is done, or end it: what it has not done stays queued.",
                holder.mark,
            ) from None
        except OSError as error:
            raise unusable(store.path, error) from error
        own = Holder(os.getpid(), time.time(), _own_command(), socket.gethostname())
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(own)).encode(), 0)
        yield own
    finally:
        os.close(descriptor)


def _holder(told: bytes) -> Holder:
    """Read the text of a lock file. It may be half written; an earlier version wrote only its process id."""
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
        found = json.loads(told)
        if isinstance(found, int):
            return Holder(found, 0.0, "")
        host = str(found.get("host", ""))
        return Holder(int(found["process"]), float(found["since"]), str(found["command"]), host)
    return Holder(0, 0.0, "")


def _own_command() -> str:
    words = [Path(sys.argv[0]).name, *sys.argv[1:]] if sys.argv else []
    command = shlex.join(words)
    return command if len(command) <= _LONGEST_COMMAND else command[: _LONGEST_COMMAND - 1] + "…"


def _clock(unix_time: float) -> str:
    """Format as the time of day, with the date unless it is today's."""
    then, now = time.localtime(unix_time), time.localtime()
    same_day = then[:3] == now[:3]
    return time.strftime("%H:%M" if same_day else "%Y-%m-%d %H:%M", then)
