"""Locks open files (flock), and says where that cannot be done."""

from __future__ import annotations

import enum
import errno
import fcntl
import tempfile
from pathlib import Path

_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


class FileLock(enum.Enum):
    """What became of a try to lock a file."""

    OURS = "ours"
    HELD = "held"
    """Another process holds it."""
    NONE = "none"
    """The file system has no locks."""


def lock_file(descriptor: int, *, wait: bool = False) -> FileLock:
    """Lock an open file until it is closed. With `wait`, wait for whoever holds the lock. Raises OSError."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return FileLock.HELD
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return FileLock.NONE
    return FileLock.OURS


def has_locks(folder: Path) -> bool:
    """Return whether the file system of a folder that can be written has locks. Raises OSError."""
    with tempfile.TemporaryFile(dir=folder) as file:
        return lock_file(file.fileno()) is not FileLock.NONE
