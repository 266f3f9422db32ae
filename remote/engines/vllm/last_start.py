"""Remembers how long the last start of vLLM took, in a file beside the log, for the checkup of the box."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from remote.files import write_whole
from remote.paths import DaemonPaths
from remote.protocol import ProtocolError, parse


@dataclass(frozen=True)
class LastStart:
    """The last start of a server that became ready."""

    seconds: float
    """The time from its start to the first token."""
    ready: float
    """The Unix time when it was ready."""
    model: str
    engine: str
    """Engine and version: "vllm 0.32.0"."""


def last_start_file(paths: DaemonPaths) -> Path:
    """The path of the file."""
    return paths.state / "vllm-start.json"


def save_last_start(file: Path, start: LastStart) -> None:
    """Write the file, or do nothing if the disk is full: that is no reason to end a server that works."""
    with contextlib.suppress(OSError):
        write_whole(file, [json.dumps(asdict(start)).encode()])


def read_last_start(file: Path) -> LastStart | None:
    """Read the file; None when it is missing or cannot be read."""
    try:
        return parse(LastStart, json.loads(file.read_text()))
    except (OSError, ValueError, ProtocolError):
        return None
