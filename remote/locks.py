"""The locks (flock) by which only one daemon serves a root on a machine.

There are two. The lock beside the socket is on a local disk, and decides between daemons that start at the
same moment. The lock beside the journal still works when /var/tmp was emptied under a running daemon, and
between machines that share a home and have the same machine-id (clones). Where the file system of the home
has no locks, the first lock alone decides.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from remote.paths import DaemonPaths, FolderError

_LOCK_SECONDS = 5.0
_JOURNAL_SECONDS = 30.0
"""Seconds to wait for the journal's lock: a daemon that ends closes its connections and its engine first."""
_PAUSE = 0.05
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


class TakenError(Exception):
    """Another daemon of this machine serves this root."""


@contextmanager
def hold_locks(paths: DaemonPaths, journal_seconds: float = _JOURNAL_SECONDS) -> Iterator[None]:
    """Hold both locks of a root during the block, and remove the socket of a daemon that was killed.

    Raises TakenError when another daemon of this machine holds the local lock, and FolderError when another
    daemon does not release the journal's lock within `journal_seconds`.
    """
    # A daemon that ends has removed its socket already and releases the lock a moment later.
    with _try_lock(paths.lock, _LOCK_SECONDS, lambda: not paths.socket.exists()) as ours:
        if not ours:
            raise TakenError(str(paths.lock))
        with _try_lock(paths.journal_lock, journal_seconds, lambda: True) as ours:
            if not ours:
                raise FolderError(
                    f"another daemon, perhaps on another machine, holds {paths.journal_lock}; "
                    "end it, or set another `root` for this box"
                )
            paths.socket.unlink(missing_ok=True)  # left by a daemon that was killed
            yield


@contextmanager
def _try_lock(path: Path, seconds: float, is_worth_waiting: Callable[[], bool]) -> Iterator[bool]:
    """Wait up to `seconds` for the lock, hold it during the block, and yield whether it is held."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + seconds
        while not (ours := _lock(descriptor)):
            if not is_worth_waiting() or time.monotonic() > deadline:
                break
            time.sleep(_PAUSE)
        yield ours
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True
