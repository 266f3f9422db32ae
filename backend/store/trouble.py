"""Translates SQLite's errors into errors that say what happened to the queue and what to do."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from backend.errors import QueueError


class Damaged(sqlite3.DatabaseError):
    """A row or the file is not as it was written, although SQLite can read it."""


READ_ERRORS = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What reading a file may raise. Where names in the schema are not UTF-8, Python cannot decode SQLite's own
message, and raises UnicodeDecodeError in its place."""
_NOT_TEXT = "Could not decode to UTF-8"
"""The beginning of Python's message for text that is not UTF-8; the error has no SQLite code."""
_WRONG_SCHEMA = ("no such column", "no such table")
"""The beginnings of SQLite's messages when a query names what the schema lacks. Ours names what was there."""
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
"""What flock says on a file system without locks, such as that of an NFS server without lockd."""
_MAKE_ROOM = "Make room on the disk of {}; what was in the queue before is in it still."


def is_damage(error: BaseException) -> bool:
    """Whether the error means that the file is damaged, or is not an SQLite file."""
    return (
        isinstance(error, (Damaged, UnicodeDecodeError))
        or _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        or str(error).startswith((_NOT_TEXT, *_WRONG_SCHEMA))
    )


def unusable(path: Path, error: Exception) -> QueueError:
    """Return the error to raise when the queue cannot be used."""
    problem = _NOT_TEXT if str(error).startswith(_NOT_TEXT) else str(error)
    return QueueError(f"the queue {path} cannot be used: {problem}", _remedy(path, error))


def _remedy(path: Path, error: Exception) -> str:
    if is_damage(error):
        return (
            "It is damaged. Run `upsample queue list`: it is set aside, and what can be read saved."
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _MAKE_ROOM.format(path.parent)
    if isinstance(error, OSError) and error.errno in _NO_LOCKS:
        return (
            f"The disk of {path.parent} has no locks, as a network's disk may: set XDG_DATA_HOME to a folder "
            "on another disk."
        )
    match _code(error):
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
            return _MAKE_ROOM.format(path.parent)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "Another program holds it: try again when that has ended."
    return f"{path.parent} and the files in it must be yours, and writable."


def _code(error: BaseException) -> int:
    """Return SQLite's primary result code, without the extension in the upper bits; 0 for other errors."""
    code = getattr(error, "sqlite_errorcode", 0)
    return int(code) & 0xFF
