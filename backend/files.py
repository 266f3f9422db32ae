"""Files on the user's disk: read carefully, written as a whole or not at all, kept from other users.

Reading refuses what is no regular file: a pipe would keep us waiting for ever, a device may never end, and
/dev/zero fills the memory. Writing goes through a temporary file beside the target, so that a crash, a full
disk or a second process never leaves half a file. What a killed process leaves is swept by the next one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import time
from pathlib import Path
from typing import BinaryIO

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""The first bytes of a Git LFS pointer, which stands in a repository for a file that was not fetched."""

_DRAWING = ".drawing-"
_PART = re.compile(r"\..+\.[0-9a-f]{8}\.part|\.drawing-[0-9a-z_]{8,12}", re.DOTALL)
"""The names of files and folders that are renamed when they are whole: `write_whole`, `backend.video`."""
_YOUNG = 60.0
"""Seconds in which a part is left alone: it may have been made, and not be marked yet."""
_OLD = 86_400.0
"""Seconds after which a part is left over where there are no locks. No part is used for longer."""
_swept: set[tuple[int, int]] = set()
"""The device and inode of each folder that this process has swept."""
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF)
"""What fsync of a folder answers on file systems that have none, such as some of FUSE and of Windows."""
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
        # A file of /proc that has nothing to say yet returns None.
        data = file.read(most + 1) or b""
    if len(data) > most:
        raise TooLarge(path, most)
    return data


def write_whole(
    path: Path, data: bytes, *, private: bool = False, folder: int | None = None
) -> None:
    """Write `data` to `path` as a whole, or leave the file there as it was. Blocks; raises OSError.

    The data is on the disk (fsync) before the file gets its name, and the name is there, too, when this
    returns. A file that is replaced keeps its permissions; with `private`, a new one can be read by its owner
    alone. A symbolic link is replaced, not followed. `folder` is a descriptor of the path's folder; without
    it, links on the way there are followed.
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
            file.write(data)
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


def lies_within(place: str, folder: str) -> bool:
    """Whether a path is the folder, or below it. Both are absolute and free of links (realpath)."""
    return place == folder or place.startswith(folder.rstrip(os.sep) + os.sep)


def file_stamp(place: str) -> str:
    """Return a fingerprint that differs when the file does.

    It is empty when the file is not there, and when it was changed so lately that another change might not
    be seen.
    """
    try:
        status = os.stat(place)  # noqa: PTH116 - a Path takes longer to make
    except (OSError, ValueError):
        return ""
    if time.time() - status.st_mtime < _SETTLED:
        return ""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"
