"""What SQLite's errors mean for the queue's file, in words that say what to do."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from backend.errors import QueueError


class Damaged(sqlite3.DatabaseError):
    """A row is not as it was written, though SQLite has no objection."""


_NOT_TEXT = "Could not decode to UTF-8"
"""What Python says of a text that is none, without a code; the text follows."""
_MAKE_ROOM = "Make room on the disk of {}; what was in the queue before is in it still."


def is_damage(error: BaseException) -> bool:
    """Whether the file is damaged, or is none of SQLite's."""
    return (
        isinstance(error, Damaged)
        or _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        or str(error).startswith(_NOT_TEXT)
    )


def unusable(path: Path, error: Exception) -> QueueError:
    """The trouble that ends whatever needed the queue."""
    problem = _NOT_TEXT if str(error).startswith(_NOT_TEXT) else str(error)
    return QueueError(f"the queue {path} cannot be used: {problem}", _remedy(path, error))


def _remedy(path: Path, error: Exception) -> str:
    if is_damage(error):
        return (
            "It is damaged. Run `upsample queue list`: it is set aside, and what can be read saved."
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _MAKE_ROOM.format(path.parent)
    match _code(error):
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
            return _MAKE_ROOM.format(path.parent)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "Another program holds it: try again when that has ended."
    return f"{path.parent} and the files in it must be yours, and writable."


def _code(error: BaseException) -> int:
    """SQLite's result code, without what it adds in the upper bits; 0 for other errors."""
    code = getattr(error, "sqlite_errorcode", 0)
    return int(code) & 0xFF
