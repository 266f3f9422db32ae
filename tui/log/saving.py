"""Saves lines of the log to a file of the user's. Blocks; raises OSError."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from backend.files import write_whole
from tui.log.book import LogLine
from tui.log.line_text import plain


def as_text(lines: Iterable[LogLine]) -> str:
    """Return the lines as the text that is copied and saved."""
    return "".join(f"{plain(line)}\n" for line in lines)


def save_lines(lines: Iterable[LogLine], path: Path, *, replace: bool) -> None:
    """Write the lines to `path`. Raises FileExistsError when the file exists and `replace` is false."""
    data = as_text(lines).encode("utf-8", "backslashreplace")
    if not replace:
        with path.open("xb") as file:
            file.write(data)
        return
    write_whole(path, data)
