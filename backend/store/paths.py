"""Converts paths to values that SQLite can store, and back."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path


def stored_path(path: Path) -> str | bytes:
    """Return the value to store for a path: text, or bytes when the name is not UTF-8."""
    try:
        path.as_posix().encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return str(path)


@lru_cache(maxsize=10_000)
def path_of(stored: str | bytes) -> Path:
    """Return the path of a stored value. Cached, because many jobs share a file, video or destination."""
    return Path(os.fsdecode(stored))
