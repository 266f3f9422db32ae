"""How long the last start took: kept beside the log, for whoever asks what the next one will take."""

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
    """A server that became ready."""

    seconds: float
    """From its start to the first token."""
    ready: float
    """Unix time."""
    model: str
    engine: str
    """ "vllm 0.32.0"."""


def last_start_file(paths: DaemonPaths) -> Path:
    """Where it is kept."""
    return paths.state / "vllm-start.json"


def save_last_start(file: Path, start: LastStart) -> None:
    """Remember it. A disk that takes no more is no reason to end a server that works."""
    with contextlib.suppress(OSError):
        write_whole(file, [json.dumps(asdict(start)).encode()])


def read_last_start(file: Path) -> LastStart | None:
    """What is remembered; None when nothing is, or it cannot be read."""
    try:
        return parse(LastStart, json.loads(file.read_text()))
    except (OSError, ValueError, ProtocolError):
        return None
