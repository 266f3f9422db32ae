"""Writes a file through a temporary one beside it.

So a crash, a full disk or a second process never leaves half a file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from backend.files.left_parts import mark_in_use, sweep_parts

_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF)
"""What fsync of a folder answers on file systems that have none, such as some of FUSE and of Windows."""


def write_whole(
    path: Path, data: bytes, *, private: bool = False, folder: int | None = None
) -> None:
    """Write `data` to `path` as a whole, or leave the file there as it was. Blocks; raises OSError.

    See `writing_whole`.
    """
    with writing_whole(path, private=private, folder=folder) as file:
        file.write(data)


@contextmanager
def writing_whole(
    path: Path, *, private: bool = False, folder: int | None = None
) -> Iterator[BinaryIO]:
    """Yield a file to write to, which becomes `path` at the end of the block. Blocks; raises OSError.

    If the block raises, the file that was at `path` stays as it was. The data is on the disk (fsync) before
    the file gets its name, and the name is there, too, after the block. A file that is replaced keeps its
    permissions; with `private`, a new one can be read by its owner alone. A symbolic link is replaced, not
    followed. `folder` is a descriptor of the path's folder; without it, links on the way there are followed.
    """
    sweep_parts(path.parent, folder)
    name = path.name if folder is not None else str(path)
    part = str(Path(name).with_name(f".{path.name}.{secrets.token_hex(4)}.part"))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with os.fdopen(
            os.open(part, flags, 0o600 if private else 0o666, dir_fd=folder), "wb"
        ) as file:
            mark_in_use(file.fileno())
            with contextlib.suppress(FileNotFoundError):
                mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
                if stat.S_ISREG(mode):
                    os.fchmod(file.fileno(), stat.S_IMODE(mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part, dir_fd=folder)
        raise
    if folder is None:
        sync_folder(path.parent)
    else:
        sync_folder(Path(), folder)


def sync_folder(folder: Path, within: int | None = None) -> None:
    """Make renames, new files and removals in this folder durable. Raises OSError.

    A relative path is seen from the folder whose descriptor is `within`. Does nothing where that cannot
    be asked for: in a folder that may not be read, and on a file system that has no such order.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=within)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)
