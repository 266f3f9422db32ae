"""Ends the model server of a replica whose process was killed, at once.

Ray ends an actor's process without asking it, and the model server would stay and keep the GPU. So each
replica with a model server has a guard: a process that waits at a pipe until the replica has ended, and then
ends what the replica's note on the disk names. Ray ends the children of an actor with it, so the guard is no
child: it is started by one that ends at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from remote.engines.ray.places import Place, end_server
from remote.paths import make_daemon_paths

COMMAND = "ray-guard"
_START_SECONDS = 20.0


def start_guard(runner: Path, place: Place) -> int:
    """Start the guard of this process. Returns the pipe's descriptor, which must stay open until the end.

    The guard holds the lock of the place, too, so that nobody else takes it before it is clean. Raises
    OSError.
    """
    ours, theirs = os.pipe()  # no child inherits them
    os.set_inheritable(ours, False)
    try:
        # A program of its own, since the fork of a process with threads may do little.
        done = subprocess.run(
            [sys.executable, "-I", str(runner), COMMAND, place.root],
            stdin=ours,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[place.lock],
            cwd="/",
            timeout=_START_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        os.close(theirs)
        raise OSError(f"the guard of a model server does not start: {error}") from error
    finally:
        os.close(ours)
    if done.returncode:
        os.close(theirs)
        raise OSError(f"the guard of a model server has ended with status {done.returncode}")
    return theirs


def guard(root: str) -> int:
    """Become a guard: wait until the other end of stdin is closed, and end the model server of this place.

    Raises FolderError.
    """
    paths = make_daemon_paths(root)
    if os.fork():
        return 0  # so that the guard is no child of the replica
    while os.read(0, 1):
        pass
    end_server(paths)
    return 0
