"""Reading files whose names came from somebody else: regular ones, and no more of them than is wanted.

A pipe would keep us waiting for ever, a device may never end, and /dev/zero fills the memory.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotRegular(OSError):
    """There is something, and it is no regular file."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EINVAL, "not a regular file", str(path))


class TooLarge(OSError):
    """The file holds more than is read."""

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(errno.EFBIG, f"larger than {most:,} bytes", str(path))


def open_regular(path: Path) -> BinaryIO:
    """The regular file at `path`, open for reading. Raises OSError, and never waits for a writer."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise NotRegular(path)
    # What lies there may have changed since: then it is opened without waiting, and let go.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegular(path)
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, most: int) -> bytes:
    """The bytes of a regular file. Raises OSError, which is TooLarge above `most` of them."""
    with open_regular(path) as file:
        # None from a file of /proc that has nothing to say yet.
        data = file.read(most + 1) or b""
    if len(data) > most:
        raise TooLarge(path, most)
    return data
