"""Notices that the config files have changed while the app is open, as after `upsample config set`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_Mark = tuple[tuple[int, int] | None, ...]


class ConfigWatch:
    """Looks at when the files were last changed."""

    def __init__(self, files: Sequence[Path]) -> None:
        """`files` need not exist."""
        self._files = tuple(files)
        self._seen = self._look()

    def has_changed(self) -> bool:
        """Whether a file was changed, made or removed since the last call. Blocks."""
        before, self._seen = self._seen, self._look()
        return self._seen != before

    def _look(self) -> _Mark:
        return tuple(map(_mark_of, self._files))


def _mark_of(file: Path) -> tuple[int, int] | None:
    """Return what changes with the file; None where there is none."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size
