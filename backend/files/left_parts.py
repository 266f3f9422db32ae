"""Removes the parts of files and folders that killed processes have left.

A part is renamed when it is whole. While a process works on one, it holds a lock on it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import time
from pathlib import Path

_DRAWING = ".drawing-"
_PART = re.compile(r"\..+\.[0-9a-f]{8}\.part|\.drawing-[0-9a-z_]{8,12}", re.DOTALL)
"""The names of files and folders that are renamed when they are whole."""
_YOUNG = 60.0
"""Seconds in which a part is left alone: it may have been made, and not be marked yet."""
_OLD = 86_400.0
"""Seconds after which a part is left over where there are no locks. No part is used for longer."""
_swept: set[tuple[int, int]] = set()
"""The device and inode of each folder that this process has swept."""


def mark_in_use(descriptor: int) -> None:
    """Mark a part as in use while the descriptor is open, if the file system can: by its lock (flock)."""
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def sweep_parts(folder: Path, descriptor: int | None = None) -> None:
    """Remove what killed processes have left in this folder, parts of files and `.drawing-*`, once a process.

    `descriptor` is one of the folder; without it, links on the way there are followed. Only what bears the
    name of a part, is ours, and has no user any more is removed. Where the file system has no locks, nobody
    can tell that, and it must be a day old.
    """
    place = folder if descriptor is None else Path()
    with contextlib.suppress(OSError):
        # Opened also where there is a descriptor, as that may be of no use for reading (O_PATH).
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        opened = os.open(place, flags, dir_fd=descriptor)
        try:
            _sweep(opened)
        finally:
            os.close(opened)


def _sweep(folder: int) -> None:
    found = os.fstat(folder)
    if (found.st_dev, found.st_ino) in _swept:
        return
    _swept.add((found.st_dev, found.st_ino))
    with os.scandir(folder) as entries:
        parts = [entry.name for entry in entries if _PART.fullmatch(entry.name)]
    for part in parts:
        with contextlib.suppress(OSError):
            _remove_left_part(part, folder)


def _remove_left_part(part: str, folder: int) -> None:
    """Remove a part unless it may be in use. Raises OSError."""
    found = os.stat(part, dir_fd=folder, follow_symlinks=False)
    is_folder = part.startswith(_DRAWING)
    age = time.time() - found.st_mtime
    if stat.S_IFMT(found.st_mode) != (stat.S_IFDIR if is_folder else stat.S_IFREG):
        return
    if found.st_uid != os.getuid() or age < _YOUNG:
        return
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(part, flags, dir_fd=folder)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        except OSError:
            if age < _OLD:
                return
        if is_folder:
            shutil.rmtree(part, dir_fd=folder)
        else:
            os.unlink(part, dir_fd=folder)
    finally:
        os.close(descriptor)
