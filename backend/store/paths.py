"""Paths as SQLite takes them."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path


def stored_path(path: Path) -> str | bytes:
    """A path as SQLite takes it: text, or its bytes when its name is not UTF-8."""
    try:
        path.as_posix().encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return str(path)


@lru_cache(maxsize=10_000)
def path_of(stored: str | bytes) -> Path:
    """The path as it was given. Many jobs have the same file, video or destination."""
    return Path(os.fsdecode(stored))
