"""Keeps some of the disk free for the journal, however many jobs are handed over.

Answers go to the journal's disk, and so do the pictures of the jobs that wait. Without a reserve, pictures
could take the last byte; then no job could end and free its pictures' room.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_SHARE = 50
"""The reserve is one part in so many of the disk."""
_MOST = 1 << 30
"""Bytes that are the largest reserve."""


@dataclass(frozen=True)
class Disk:
    """A file system, in bytes."""

    total: int
    free: int
    """Free for this user."""
    block: int
    """Each file takes a multiple of it."""


class DiskRoom:
    """The room on the disk of a folder, with a reserve that no picture takes."""

    def __init__(self, folder: Path) -> None:
        """The folder holds pictures alone. Raises OSError."""
        self._folder = folder
        self._reserve = reserve_of(
            read_disk(folder), (path.stat().st_size for path in folder.iterdir())
        )

    def require(self, sizes: Iterable[int]) -> None:
        """Raise OSError if files of these sizes (bytes) would leave less than the reserve."""
        disk = read_disk(self._folder)
        needed = sum(-(-size // disk.block) * disk.block for size in sizes)
        # A file system that does not say what is free gets no reserve: there, the write decides.
        if self._reserve and disk.free - needed < self._reserve:
            raise OSError(
                errno.ENOSPC,
                f"{needed:,} bytes are needed, and {disk.free:,} bytes are free on its disk, of which "
                f"{self._reserve:,} are kept for the journal",
            )


def reserve_of(disk: Disk, pictures: Iterable[int]) -> int:
    """The reserve in bytes on a disk with pictures of these sizes (bytes), which will be removed.

    It is at most half of what is free, so that a disk that is nearly full serves, too. Pictures count as
    free, or else each daemon would keep half of what the one before it has left.
    """
    reserve = min(disk.total // _SHARE, _MOST)
    if disk.free // 2 >= reserve:
        return reserve  # on a network's disk, it takes long to ask for the size of each picture
    return min(reserve, (disk.free + sum(pictures)) // 2)


def read_disk(folder: Path) -> Disk:
    """Ask how full the folder's disk is. Raises OSError."""
    stat = os.statvfs(folder)
    block = max(1, stat.f_frsize)
    return Disk(stat.f_blocks * block, stat.f_bavail * block, block)
