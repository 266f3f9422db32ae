"""Puts new files into a folder, each as a whole, and never over one that is there.

For many small files that can be made again: they are not flushed to the disk one by one, which takes a
hundred times as long as writing them. `write_whole` is for what must outlive a power cut.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""What a file system answers that has no hard links, such as FAT."""


def put_new(name: str, data: bytes, folder: int, *, replace: bool = False) -> None:
    """Write a file into the folder with this descriptor. Raises OSError.

    Without `replace` that is FileExistsError where anything has the name already.
    """
    part = f".{name}.{secrets.token_hex(4)}.part"
    try:
        _write(part, data, folder)
        if replace:
            os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
            return
        try:
            os.link(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _write(name, data, folder)
        os.unlink(part, dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part, dir_fd=folder)
        raise


def _write(name: str, data: bytes, folder: int) -> None:
    """Write a file that is not there yet, or leave none."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o666, dir_fd=folder)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(descriptor)
