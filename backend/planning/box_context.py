"""Remembers the context length that a box's model server told last, for plans that are made without it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from backend.config import LEAST_MAX_TOKENS, MOST_MAX_TOKENS
from backend.files import write_whole
from backend.planning.box_notes import note_file

_LONGEST = 32
"""Bytes of the file that are read: it holds one number."""


def keep_context(box: str, tokens: int) -> None:
    """Note the context length that this box's server tells, in tokens. Blocks.

    Where it cannot be written, plans go on with the number of the settings.
    """
    file = _file(box)
    if read_context(box) == tokens:
        return
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, f"{tokens}\n".encode())


def read_context(box: str) -> int:
    """Return the context length that this box's server told last; 0 where it told none. Blocks."""
    try:
        with _file(box).open("rb") as file:
            tokens = int(file.read(_LONGEST))
    except (OSError, ValueError):
        return 0
    return tokens if LEAST_MAX_TOKENS <= tokens <= MOST_MAX_TOKENS else 0


def _file(box: str) -> Path:
    return note_file("contexts", box)
