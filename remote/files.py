"""Writes a file as a whole or not at all, and makes its name durable.

The box keeps files on home directories, often on NFS, and may go down at any moment. Whoever reads a file
that was written here finds the old content or the new one, never half of either.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterable
from pathlib import Path

_UPLOAD = re.compile(r"runner-[0-9a-f]{12}\.pyz\.[0-9a-f]{8}\.part")
"""What an app calls a runner while it sends it (`backend.box.links.runner`)."""
_OLD_UPLOAD = 86_400.0
"""Seconds after which an upload has been given up: the app takes two minutes at most."""


def write_whole(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file that consists of these pieces, as `write_and_keep_open` does; its name is durable, too."""
    write_one_of_several(path, pieces)
    sync_folder(path.parent)


def write_one_of_several(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file like `write_whole`, for a caller that writes several and calls `sync_folder` once."""
    os.close(write_and_keep_open(path, pieces, path.with_name(f"{path.name}.part")))


def write_and_keep_open(path: Path, pieces: Iterable[bytes], part: Path) -> int:
    """Write the pieces to the temporary file `part`, and rename it to `path` once it is on the disk (fsync).

    Returns a descriptor of the file, open for reading and writing. Raises OSError; then `path` is as it was,
    and the temporary file is gone. A crash may undo the rename until `sync_folder` has returned.
    """
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.writelines(pieces)
        os.fsync(descriptor)
        part.replace(path)
    except BaseException:
        os.close(descriptor)
        part.unlink(missing_ok=True)
        raise
    return descriptor


def sync_folder(folder: Path) -> None:
    """Make renames, new files and removals in this folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_left_uploads(root: Path) -> None:
    """Remove the parts of runners whose upload broke off, for instance because the link did."""
    with contextlib.suppress(OSError):
        for part in root.iterdir():
            if _UPLOAD.fullmatch(part.name):
                with contextlib.suppress(OSError):
                    found = part.lstat()
                    if stat.S_ISREG(found.st_mode) and time.time() - found.st_mtime > _OLD_UPLOAD:
                        part.unlink()
