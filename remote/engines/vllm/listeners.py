"""Finds out which users listen on a port of this machine.

The port of a model server is chosen before the server starts, stands in its command line, and is free until
the server has loaded its libraries. Another user could take it in that time, and would be sent the prompts.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENING = "0A"
"""The kernel's number for the state of a socket that takes connections."""


def find_foreign_listener(port: int) -> int | None:
    """Return another user who listens on this port; None if there is none, or none can be found out.

    Root does not count, as its Docker publishes the ports of containers.
    """
    return next((user for user in _listeners(port) if user not in (0, os.getuid())), None)


def listening_ports() -> set[int]:
    """Return the ports on which somebody listens on this machine."""
    return {port for port, _ in _all_listeners()}


def _listeners(port: int) -> Iterator[int]:
    """Yield the users who listen on this port of any address."""
    return (user for listened, user in _all_listeners() if listened == port)


def _all_listeners() -> Iterator[tuple[int, int]]:
    """Yield each port on which somebody listens, and that user."""
    for table in _TABLES:
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in table.read_text("ascii").splitlines()[1:]:
                # slot, local address and port, remote ones, state, three of queues and timers, user
                fields = line.split()
                if fields[3] == _LISTENING:
                    yield int(fields[1].rpartition(":")[2], 16), int(fields[7])
