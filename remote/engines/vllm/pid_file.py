"""The file by which a daemon finds and ends the server that a killed daemon has left."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from remote.engines.vllm.container import Container
from remote.engines.vllm.docker_run import is_container
from remote.files import write_whole

_MOST_PID = (1 << 31) - 1


@dataclass(frozen=True)
class ServerIdentity:
    """By what the processes and the container of one server are recognised."""

    group: int | None
    """The process group; None while the server is being started."""
    started: str
    """The start time of the group's leader, in the kernel's ticks; empty if it cannot be read."""
    container: Container | None = None
    """The server's container; it can outlive the process group."""
    mark: str = ""
    """A random value in the environment of the server's processes. It finds them while `group` is None."""


def write_pid_file(file: Path, server: ServerIdentity) -> None:
    """Write the file. Raises OSError."""
    inside = server.container
    content = {
        "group": server.group,
        "started": server.started,
        "mark": server.mark,
        "container": inside and {"program": inside.program, "name": inside.name},
    }
    write_whole(file, [json.dumps(content).encode()])


def read_pid_file(file: Path) -> ServerIdentity | None:
    """Read the file; None when it is missing or cannot be understood."""
    try:
        left = json.loads(file.read_text())
        container = _container(left.get("container"))
        mark = str(left.get("mark") or "")
        group = None if (container or mark) and left["group"] is None else int(left["group"])
        started = str(left["started"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    # Killing group 0 would kill our own group, and group 1 belongs to init.
    if group is not None and not 1 < group <= _MOST_PID:
        return None
    return ServerIdentity(group, started, container, mark)


def _container(value: object) -> Container | None:
    if not isinstance(value, dict):
        return None
    program, name = tuple(map(str, value["program"])), str(value["name"])
    return Container(program, name) if program and is_container(program) and name else None
