"""Who may serve a place: one daemon, whatever becomes of the files that say so.

There are two locks. The one beside the socket is on a local disk, and decides between daemons that start at
the same moment. The one beside the journal is held as well: it still holds when /var/tmp was emptied under a
running daemon, and between machines that share a home and pass for one (clones have the same machine-id).
Where the file system of the home has no locks, the first one must do.
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
"""A daemon that ends sees its apps off and its engine out before it lets go of the journal."""
_PAUSE = 0.05
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


class TakenError(Exception):
    """Another daemon serves this place."""


@contextmanager
def hold_locks(paths: DaemonPaths, journal_seconds: float = _JOURNAL_SECONDS) -> Iterator[None]:
    """The right to serve this place. Raises TakenError when another daemon of this machine has it, and
    PlaceError when the journal stays with a daemon that cannot be reached from here.
    """
    # A daemon that makes room holds it for a moment still, but has no socket any more.
    with _held(paths.lock, _LOCK_SECONDS, lambda: not paths.socket.exists()) as ours:
        if not ours:
            raise TakenError(str(paths.lock))
        with _held(paths.journal_lock, journal_seconds, lambda: True) as ours:
            if not ours:
                raise FolderError(
                    f"another daemon, perhaps on another machine, holds {paths.journal_lock}; "
                    "end it, or set another `root` for this box"
                )
            paths.socket.unlink(missing_ok=True)  # left by a daemon that was killed
            yield


@contextmanager
def _held(path: Path, seconds: float, is_worth_waiting: Callable[[], bool]) -> Iterator[bool]:
    """Hold the lock, for which others are given so much time to let go; whether it was had."""
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
