"""Ends the model server of a replica whose process was killed, at once.

Ray ends an actor's process without asking it, and the model server would stay and keep the GPU. So each
replica with a model server has a guard: a process that waits at a pipe until the replica has ended, and then
ends what the replica's note on the disk names. Ray ends the children of an actor with it, so the guard is no
child: it is started by one that ends at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from remote.engines.ray.places import Place, end_server
from remote.paths import make_daemon_paths

COMMAND = "ray-guard"
GROUP_COMMAND = "ray-group-guard"
_START_SECONDS = 20.0


def start_guard(runner: Path, place: Place) -> int:
    """Start the guard of this process. Returns the pipe's descriptor, which must stay open until the end.

    The guard holds the lock of the place, too, so that nobody else takes it before it is clean. Raises
    OSError.
    """
    return _start([str(runner), COMMAND, place.root], place.lock)


def start_group_guard(runner: Path) -> int:
    """Start the guard of this process group, whose leader this process is. Otherwise as `start_guard`.

    Of a Ray that we have started, some processes would stay for more than a minute.
    """
    return _start([str(runner), GROUP_COMMAND, str(os.getpgrp())])


def guard_group(group: int) -> int:
    """Become a guard: wait until the other end of stdin is closed, and end this process group."""
    if os.fork():
        return 0
    _wait()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    return 0


def guard(root: str) -> int:
    """Become a guard: wait until the other end of stdin is closed, and end the model server of this place.

    Raises FolderError.
    """
    paths = make_daemon_paths(root)
    if os.fork():
        return 0  # so that the guard is no child of the replica
    _wait()
    end_server(paths)
    return 0


def _wait() -> None:
    while os.read(0, 1):
        pass


def _start(arguments: Sequence[str], *handed: int) -> int:
    """Start a guard, which gets these descriptors, too. Returns the pipe's. Raises OSError."""
    ours, theirs = os.pipe()  # no child inherits them
    os.set_inheritable(ours, False)
    try:
        # A program of its own, since the fork of a process with threads may do little.
        done = subprocess.run(
            [sys.executable, "-I", *arguments],
            stdin=ours,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=handed,
            cwd="/",
            timeout=_START_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        os.close(theirs)
        raise OSError(f"a guard does not start: {error}") from error
    finally:
        os.close(ours)
    if done.returncode:
        os.close(theirs)
        raise OSError(f"a guard has ended with status {done.returncode}")
    return theirs
