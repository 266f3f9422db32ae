"""Lists the frames and hint videos that a folder keeps, and removes those that were used longest ago.

`frame_cache` says how they are named; nothing else in the folder is touched, and no link is followed. The
time of the last change of a hint video or of a folder of frames is the time of its last use (`note_use`).
Everything here blocks.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.files.without_links import open_folder

_NAME = re.compile(r"[0-9a-f]{16}-\d+x\d+(-[0-9A-Za-z_.-]+)?")
"""The name of a folder of frames, and of a hint video without its ending."""


@dataclass(frozen=True, slots=True)
class KeptPictures:
    """A hint video, or the frames of one choice, in a folder for hint videos."""

    name: str
    size: int
    """Bytes."""
    used: float
    """Unix time of the last use."""
    is_hint: bool


def note_use(path: Path) -> None:
    """Note that a hint video or a folder of frames was used now. It may be gone, or not ours to change."""
    with contextlib.suppress(OSError):
        os.utime(path, follow_symlinks=False)


def list_kept(folder: Path) -> list[KeptPictures]:
    """List what a folder for hint videos keeps, oldest use first; nothing where it cannot be read."""
    try:
        with open_folder(folder) as opened:
            # A descriptor that was opened as a mere path cannot be listed.
            listed = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=opened)
            try:
                return sorted(_kept_in(listed), key=lambda kept: kept.used)
            finally:
                os.close(listed)
    except OSError:
        return []


def choose_oldest(kept: Sequence[KeptPictures], most: int, since: float) -> list[KeptPictures]:
    """Choose what to remove so that at most `most` bytes are left: what was used longest ago.

    `kept` is sorted by its use. What was used since the Unix time `since` is never chosen.
    """
    excess = sum(each.size for each in kept) - most
    chosen: list[KeptPictures] = []
    for each in kept:
        if excess <= 0 or each.used >= since:
            break
        chosen.append(each)
        excess -= each.size
    return chosen


def remove_kept(folder: Path, chosen: Iterable[KeptPictures]) -> list[KeptPictures]:
    """Remove these. Returns those that are gone."""
    gone: list[KeptPictures] = []
    try:
        with open_folder(folder) as opened:
            for each in chosen:
                with contextlib.suppress(OSError):
                    if each.is_hint:
                        os.unlink(each.name, dir_fd=opened)
                    else:
                        shutil.rmtree(each.name, dir_fd=opened)
                    gone.append(each)
    except OSError:
        return gone
    return gone


def _kept_in(folder: int) -> Iterator[KeptPictures]:
    with os.scandir(folder) as listing:
        for entry in listing:
            kept = None
            with contextlib.suppress(
                OSError
            ):  # another process has removed or renamed it meanwhile
                kept = _look_at(entry, folder)
            if kept is not None:
                yield kept


def _look_at(entry: os.DirEntry[str], folder: int) -> KeptPictures | None:
    """Return the hint video or the frames; None for anything else in the folder. Raises OSError."""
    status = entry.stat(follow_symlinks=False)
    stem, ending = os.path.splitext(entry.name)  # noqa: PTH122 - a Path takes longer to make
    if stat.S_ISREG(status.st_mode) and ending == ".mp4" and _NAME.fullmatch(stem):
        return KeptPictures(entry.name, status.st_size, status.st_mtime, is_hint=True)
    if stat.S_ISDIR(status.st_mode) and _NAME.fullmatch(entry.name):
        size = _size_of(folder, entry.name)
        return KeptPictures(entry.name, size, status.st_mtime, is_hint=False)
    return None


def _size_of(folder: int, name: str) -> int:
    """Return the bytes of the files in a folder of frames."""
    inner = os.open(
        name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder
    )
    try:
        with os.scandir(inner) as listing:
            return sum(entry.stat(follow_symlinks=False).st_size for entry in listing)
    finally:
        os.close(inner)
