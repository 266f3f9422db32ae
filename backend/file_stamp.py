"""Whether a file is still the one that was read: by its size, its time and its inode."""

from __future__ import annotations

import os
import time

_SETTLED = 2.0
"""Seconds after which a file that changes again also gets another time, on every file system."""


def file_stamp(place: str) -> str:
    """Differs when the file does; empty when it is not there, or may still change without that being seen."""
    try:
        status = os.stat(place)  # noqa: PTH116 - a Path takes longer to make
    except (OSError, ValueError):
        return ""
    if time.time() - status.st_mtime < _SETTLED:
        return ""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"
