"""Files and folders that their owner alone may read, whatever the umask."""

from __future__ import annotations

import os
from pathlib import Path


def open_private(path: Path, flags: int = 0) -> int:
    """A descriptor for reading and writing, of a file that is made if need be. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def make_private(path: Path) -> None:
    """Make sure that there is such a file. Raises OSError.

    One that is there is not opened: if SQLite has it open in this process, closing it would take away
    SQLite's locks.
    """
    try:
        os.close(open_private(path, os.O_EXCL))
    except FileExistsError:
        if path.stat().st_mode & 0o777 != 0o600:
            path.chmod(0o600)


def make_private_folder(folder: Path) -> None:
    """Make sure that there is such a folder; one that is there is left as it is. Raises OSError."""
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
