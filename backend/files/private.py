"""Keeps files from other users."""

from __future__ import annotations

import os
from pathlib import Path


def open_private(path: Path, flags: int = 0) -> int:
    """Open a file that its owner alone may read, whatever the umask; make it if it is not there.

    Returns a descriptor for reading and writing. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def make_private(path: Path) -> None:
    """Make sure that the file is there and that its owner alone may read it. Raises OSError.

    A file that is there already is not opened: if SQLite has it open in this process, closing it would
    take away SQLite's locks.
    """
    try:
        os.close(open_private(path, os.O_EXCL))
    except FileExistsError:
        if path.stat().st_mode & 0o777 != 0o600:
            path.chmod(0o600)


def make_private_folder(folder: Path) -> None:
    """Make a folder that its owner alone may enter; one that is there stays as it is. Raises OSError."""
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
