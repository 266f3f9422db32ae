"""Frames and hint videos in a folder, as the program keeps them, with a time of last use."""

from __future__ import annotations

import os
from pathlib import Path

KEY = "0123456789abcdef"
"""Stands for a video's content in a name."""


def make_frames(folder: Path, name: str, used: float, size: int = 100) -> Path:
    made = folder / name
    made.mkdir(parents=True)
    (made / "frame-0.png").write_bytes(b"x" * size)
    os.utime(made, (used, used))
    return made


def make_hint(folder: Path, name: str, used: float, size: int = 100) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"x" * size)
    os.utime(folder / name, (used, used))
    return folder / name
