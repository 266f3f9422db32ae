"""The note that a daemon keeps of the server it has started, for the next one to sweep up after it."""

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
    """What is to be ended."""

    group: int | None
    """The process group; None when the server was only about to be started."""
    started: str
    """When the group's leader was started, in the kernel's ticks; empty where that cannot be read."""
    container: Container | None = None
    """What it runs in: it outlives the group."""
    mark: str = ""
    """Which its processes have in their environment; they are found by it while the group is not noted."""


def write_pid_file(file: Path, note: ServerIdentity) -> None:
    """Raises OSError."""
    inside = note.container
    content = {
        "group": note.group,
        "started": note.started,
        "mark": note.mark,
        "container": inside and {"program": inside.program, "name": inside.name},
    }
    write_whole(file, [json.dumps(content).encode()])


def read_pid_file(file: Path) -> ServerIdentity | None:
    """What the file says; None when there is none, or nothing in it can be made out."""
    try:
        left = json.loads(file.read_text())
        container = _container(left.get("container"))
        mark = str(left.get("mark") or "")
        group = None if (container or mark) and left["group"] is None else int(left["group"])
        started = str(left["started"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    # 0 would be our own group, 1 that of init.
    if group is not None and not 1 < group <= _MOST_PID:
        return None
    return ServerIdentity(group, started, container, mark)


def _container(value: object) -> Container | None:
    if not isinstance(value, dict):
        return None
    program, name = tuple(map(str, value["program"])), str(value["name"])
    return Container(program, name) if program and is_container(program) and name else None
