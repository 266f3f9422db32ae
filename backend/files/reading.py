"""Reads regular files, and nothing else.

A pipe would keep us waiting for ever, a device may never end, and /dev/zero fills the memory.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path
from typing import BinaryIO

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""The first bytes of a Git LFS pointer, which stands in a repository for a file that was not fetched."""

_SETTLED = 2.0
"""Seconds after which a file that changes again also gets another time, on every file system."""


class NotRegular(OSError):
    """Something lies at this path, and it is no regular file."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EINVAL, "not a regular file", str(path))


class TooLarge(OSError):
    """The file holds more bytes than the reader takes."""

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(errno.EFBIG, f"larger than {most:,} bytes", str(path))


def open_regular(path: Path) -> BinaryIO:
    """Open the regular file at `path` for reading. Raises OSError, and never waits for a writer."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise NotRegular(path)
    # Another file may lie there by now: it is opened without waiting, and closed if it is no regular one.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegular(path)
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, most: int) -> bytes:
    """Read all bytes of a regular file. Raises OSError; that is TooLarge where there are over `most`."""
    with open_regular(path) as file:
        # Room for as many bytes as are asked for is made at once, and `most` may be far more than there are.
        size = min(most, os.fstat(file.fileno()).st_size)
        # A file of /proc that has nothing to say yet returns None.
        data = file.read(size + 1) or b""
        if len(data) > size:  # it grows, or is of /proc, where sizes are 0
            data += file.read(most + 1 - len(data)) or b""
    if len(data) > most:
        raise TooLarge(path, most)
    return data


def file_stamp(place: str) -> str:
    """Return a fingerprint that differs when the file does.

    It is empty when the file is not there or is a folder, in which files may change unseen, and when it was
    changed so lately that another change might not be seen.
    """
    try:
        status = os.stat(place)  # noqa: PTH116 - a Path takes longer to make
    except (OSError, ValueError):
        return ""
    if stat.S_ISDIR(status.st_mode) or time.time() - status.st_mtime < _SETTLED:
        return ""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"
