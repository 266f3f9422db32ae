"""Puts new files into a folder, each as a whole, and never over one that is there.

For many small files that can be made again: they are not flushed to the disk one by one, which takes a
hundred times as long as writing them. `write_whole` is for what must outlive a power cut.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from typing import Final

_NAMELESS: Final[int] = getattr(os, "O_TMPFILE", 0)
"""Opens a file that has no name yet, on Linux."""
_NO_NAMELESS = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT, errno.EPERM)
"""What a system answers that has none, on a file system such as FAT, or without /proc."""


def put_new(name: str, data: bytes, folder: int, *, replace: bool = False) -> None:
    """Write a file into the folder with this descriptor. Raises OSError.

    Without `replace` that is FileExistsError where anything has the name already. Where a file cannot be
    written before it has its name, a kill may leave a beginning of it; nothing else does.
    """
    if replace:
        part = f".{name}.{secrets.token_hex(4)}.part"
        _write(part, data, folder)
        try:
            os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            os.unlink(part, dir_fd=folder)
            raise
    elif not (_NAMELESS and _put_nameless(name, data, folder)):
        _write(name, data, folder)


def _put_nameless(name: str, data: bytes, folder: int) -> bool:
    """Write a file without a name, and then name it. False where that cannot be done."""
    try:
        descriptor = os.open(".", _NAMELESS | os.O_WRONLY | os.O_CLOEXEC, 0o666, dir_fd=folder)
    except OSError as error:
        if error.errno in _NO_NAMELESS:
            return False
        raise
    try:
        _write_all(descriptor, data)
        os.link(f"/proc/self/fd/{descriptor}", name, dst_dir_fd=folder, follow_symlinks=True)
    except OSError as error:
        if error.errno in _NO_NAMELESS:
            return False
        raise
    finally:
        os.close(descriptor)
    return True


def _write(name: str, data: bytes, folder: int) -> None:
    """Write a file that is not there yet, or leave none."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o666, dir_fd=folder)
    try:
        _write_all(descriptor, data)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
