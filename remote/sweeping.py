"""Ends what a daemon has left that did not end in order, for `upsample box stop`, and reports what stays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from remote.engines.ray import end_leftover_driver
from remote.engines.ray.link import driver_note
from remote.engines.ray.places import end_left_replicas
from remote.engines.vllm import end_leftover_server
from remote.engines.vllm.process import ServerIdentity, pid_file, read_pid_file
from remote.locks import TakenError, hold_locks
from remote.paths import FolderError, make_daemon_paths
from remote.protocol import FAILED, Finding

AREA = "left over"
_JOURNAL_SECONDS = 5.0
_REMEDY = (
    "Run `upsample box stop` again. What hangs in the GPU's driver may need a restart of the box."
)


def sweep_root(root: str, tell: Callable[[Finding], None]) -> None:
    """End what the last daemon of this root left. `tell` gets a finding for what stays.

    A daemon that was started meanwhile is left alone.
    """

    def complain(name: str, detail: str) -> None:
        tell(Finding(time.time(), AREA, name, FAILED, detail, _REMEDY))

    try:
        paths = make_daemon_paths(root)
        # While we hold the locks, no daemon starts a server.
        with hold_locks(paths, _JOURNAL_SECONDS):
            asyncio.run(end_leftover_server(paths))
            asyncio.run(end_leftover_driver(paths))
            places = [paths, *end_left_replicas(root)]
            servers = [read_pid_file(pid_file(place)) for place in places]
            driver = read_pid_file(driver_note(paths))
    except TakenError:
        if not paths.socket.exists():
            complain("daemon", "it has not ended yet")
        return
    except FolderError as error:
        complain("daemon", str(error))
        return
    for server in servers:
        if server is not None:
            complain("model server", _describe(server))
    if driver is not None:
        complain("Ray", _describe(driver))


def _describe(left: ServerIdentity) -> str:
    if left.container is not None:
        return f"its container {left.container.name} cannot be removed"
    return f"its process group {left.group} cannot be killed"
