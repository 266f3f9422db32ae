"""Finds what a box kept under an earlier machine id, as a container has it that was made anew.

A root may be shared by several machines, each with a folder named after its machine id. So a folder of
another name belongs to another machine, or to this one under its earlier id. On a local disk it can only be
the latter, or a container that shares the disk. It is taken over unless a daemon serves it.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from remote.file_locks import FileLock, lock_file
from remote.mounts import mount_of

_MACHINE = re.compile(r"[0-9a-f]{12}")


def take_over_state(own: Path) -> None:
    """Rename the newest folder of an earlier machine id in the root to `own`, if that is not there yet."""
    root = own.parent
    if own.exists() or not root.is_dir():
        return
    mount = mount_of(root)
    if mount is None or not mount.is_local:
        return
    for state in _states_in(root):
        # Whoever is serving it, or is about to, holds this lock.
        with _trying_lock(state / "journal.lock") as is_free:
            if is_free:
                with contextlib.suppress(OSError):  # another process was quicker
                    state.rename(own)
                return


def _states_in(root: Path) -> list[Path]:
    """The folders of machines that hold a journal, the one that was used last first."""
    found: list[tuple[float, Path]] = []
    for folder in root.iterdir():
        if not _MACHINE.fullmatch(folder.name):
            continue
        with contextlib.suppress(OSError):
            status = folder.lstat()
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid():
                found.append(((folder / "journal").stat().st_mtime, folder))
    return [folder for _, folder in sorted(found, reverse=True)]


@contextlib.contextmanager
def _trying_lock(file: Path) -> Iterator[bool]:
    """Hold the lock during the block, and yield whether it is held; False also where there are no locks."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield lock_file(descriptor) is FileLock.OURS
    finally:
        os.close(descriptor)
