"""The locks (flock) by which only one daemon serves a root on a machine.

There are two. The lock beside the socket is on a local disk, and decides between daemons that start at the
same moment. The lock beside the journal still works when /var/tmp was emptied under a running daemon, and
between machines that share a home and have the same machine-id (clones); whoever holds it writes its process
and host there, for the message to the others. Where the file system of the home has no locks, the first lock
alone decides; `doctor` says so.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from remote.file_locks import FileLock, lock_file
from remote.paths import DaemonPaths, FolderError

_LOCK_SECONDS = 5.0
_JOURNAL_SECONDS = 30.0
"""Seconds to wait for the journal's lock: a daemon that ends closes its connections and its engine first."""
_PAUSE = 0.05
_LONGEST_HOLDER = 300
"""Bytes; a host name has at most 255."""


class TakenError(Exception):
    """Another daemon of this machine serves this root."""


@contextmanager
def hold_locks(paths: DaemonPaths, journal_seconds: float = _JOURNAL_SECONDS) -> Iterator[None]:
    """Hold both locks of a root during the block, and remove the socket of a daemon that was killed.

    Raises TakenError when another daemon of this machine holds the local lock, and FolderError when another
    daemon does not release the journal's lock within `journal_seconds`, or the local disk has no locks.
    """
    # A daemon that ends has removed its socket already and releases the lock a moment later.
    with _try_lock(paths.lock, _LOCK_SECONDS, lambda: not paths.socket.exists()) as (state, _):
        if state is FileLock.HELD:
            raise TakenError(str(paths.lock))
        if state is FileLock.NONE:
            raise FolderError(
                f"the file system of {paths.run} has no locks, so two daemons could serve at once",
                "Give the machine a local /var/tmp.",
            )
        waiting = _try_lock(paths.journal_lock, journal_seconds, lambda: True)
        with waiting as (state, descriptor):
            if state is FileLock.HELD:
                raise FolderError(
                    f"{_holder(descriptor)} holds {paths.journal_lock}; "
                    "end it, or set another `root` for this box"
                )
            _write_holder(descriptor)
            paths.socket.unlink(missing_ok=True)  # left by a daemon that was killed
            yield


@contextmanager
def _try_lock(
    path: Path, seconds: float, is_worth_waiting: Callable[[], bool]
) -> Iterator[tuple[FileLock, int]]:
    """Wait up to `seconds` for the lock, and hold it during the block.

    Yields what became of it, and a descriptor of the file.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + seconds
        while (state := lock_file(descriptor)) is FileLock.HELD:
            if not is_worth_waiting() or time.monotonic() > deadline:
                break
            time.sleep(_PAUSE)
        yield state, descriptor
    finally:
        os.close(descriptor)


def _write_holder(descriptor: int) -> None:
    """Write who we are into the journal's lock. Only a message depends on it."""
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {socket.gethostname()}".encode(), 0)


def _holder(descriptor: int) -> str:
    """Describe the daemon that holds the journal's lock, by what it has written there."""
    told = os.pread(descriptor, _LONGEST_HOLDER, 0).decode(errors="replace")
    process, _, host = told.partition(" ")
    if not (process.isdecimal() and host):
        return "another daemon, perhaps on another machine,"
    where = "this machine" if host == socket.gethostname() else f"the machine {host}"
    return f"another daemon (process {process} on {where})"
