"""The folder of a replica on its node, and the end of what earlier replicas have left there.

A node may have several replicas, and several nodes may share a home. Each replica takes the first folder
below the box's root whose lock on the node's own disk is free.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from remote.engines.vllm import end_leftover_server
from remote.engines.vllm.process import pid_file
from remote.file_locks import FileLock, lock_file
from remote.paths import DaemonPaths, FolderError, make_daemon_paths

_log = logging.getLogger(__name__)

_FOLDER = "replicas"
_MOST = 256


@dataclass(frozen=True)
class Place:
    """A replica's folder, and the lock by which it is taken until the replica's process ends."""

    root: str
    paths: DaemonPaths
    lock: int
    """Its descriptor."""


def take_place(root: str) -> Place:
    """Take a free folder, and end what its earlier replicas and those of free folders have left.

    Raises FolderError and OSError.
    """
    taken: Place | None = None
    for number in range(_MOST):
        folder = f"{root}/{_FOLDER}/{number}"
        is_new = not Path(folder).expanduser().exists()
        if is_new and taken is not None:
            break
        paths = make_daemon_paths(folder)
        lock = _try_lock(paths)
        if lock is None:
            continue
        end_server(paths)
        if taken is None:
            taken = Place(folder, paths, lock)
        else:
            os.close(lock)
    if taken is None:
        raise FolderError(f"all {_MOST} folders in {root}/{_FOLDER} are taken by replicas")
    return taken


def end_left_replicas(root: str) -> list[DaemonPaths]:
    """End the model servers of replicas of this machine that were killed. Returns those that stay.

    Replicas that are alive are left alone.
    """
    stay = []
    with contextlib.suppress(OSError, RuntimeError):
        for folder in sorted((Path(root).expanduser() / _FOLDER).iterdir()):
            with contextlib.suppress(FolderError, OSError):
                paths = make_daemon_paths(str(folder))
                with _locked(paths) as is_free:
                    if is_free:
                        end_server(paths)
                    if is_free and pid_file(paths).exists():
                        stay.append(paths)
    return stay


def end_server(paths: DaemonPaths) -> None:
    """End the model server whose note is in this place, if there is one."""
    if pid_file(paths).exists():
        asyncio.run(end_leftover_server(paths))


def _try_lock(paths: DaemonPaths) -> int | None:
    """Take the lock of a place; None when another process has it. Raises FolderError without locks."""
    descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    state = lock_file(descriptor)
    if state is FileLock.OURS:
        return descriptor
    os.close(descriptor)
    if state is FileLock.NONE:
        raise FolderError(f"the file system of {paths.run} has no locks")
    return None


@contextmanager
def _locked(paths: DaemonPaths) -> Iterator[bool]:
    lock = _try_lock(paths)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            os.close(lock)
