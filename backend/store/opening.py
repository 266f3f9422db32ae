"""Opens the queue's file: readable by its owner only, migrated to the newest schema, and checked for damage.

A check of a queue of 20,000 jobs takes a tenth of a second. So it is made only when the last process did not
close the file: SQLite leaves its -wal file behind then, which only a process that is alone can tell. A
process that meets damage later writes a mark beside the queue, for the next process that opens it.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from backend.errors import QueueError
from backend.files import make_private, make_private_folder, open_private
from backend.store.salvage import SetAside, remove_left_copies, replace_damaged
from backend.store.schema import SCHEMA_VERSION, transaction, upgrade, version_of
from backend.store.trouble import READ_ERRORS, Damaged, is_damage, unusable

_TRIES, _PAUSE = 100, 0.05
"""How often a lock is tried that other processes hold for a moment, and the seconds between two tries."""
_SIDE_FILES = ("-wal", "-shm")
"""Suffixes of the files that SQLite keeps beside the database while it is open."""
_OTHERS_SECONDS = 30.0
"""Seconds that a change waits for the change of another process; a change of 100,000 jobs takes 8."""
_LAST_VERSION = 1_000
"""A schema version that upsample will never reach; a file with a higher one is damaged."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The opened queue, ready for use."""

    db: sqlite3.Connection
    set_aside: SetAside | None
    """What happened to a damaged file; None when the file was whole."""


class Users:
    """A lock that all processes share which have the queue open.

    A process that holds it alone may replace a damaged file.
    """

    def __init__(self, path: Path) -> None:
        """Create the lock's file. Raises QueueError when the folder cannot be written."""
        self._path = path
        try:
            make_private_folder(path.parent)
            self._descriptor = open_private(path.with_suffix(".users"))
        except OSError as error:
            raise unusable(path, error) from error

    def is_alone(self) -> bool:
        """Try to take the lock alone; returns whether no other process has the queue open.

        Then no other process can open it until `share` is called.
        """
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def share(self) -> None:
        """Let other processes open the queue. Raises QueueError when one has the lock alone for too long."""
        for _ in range(_TRIES):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_PAUSE)
            else:
                return
        raise QueueError(
            f"the queue {self._path} is damaged, and another upsample is saving what can be read of it",
            "Try again in a minute.",
        )

    def leave(self) -> None:
        """Release the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def open_queue(path: Path, users: Users) -> Opened:
    """Open the queue's file, or create it. Sets a damaged file aside. Raises QueueError."""
    set_aside = None
    try:
        alone = users.is_alone()
        if alone:
            remove_left_copies(path)
        else:
            users.share()
        try:
            db = _open(path, check=alone and _ended_in_disorder(path))
        except READ_ERRORS as error:
            if not is_damage(error):
                raise
            if not (alone or users.is_alone()):
                raise QueueError(
                    f"the queue {path} is damaged, and other upsample processes have it open: {error}",
                    "End them; the next one sets it aside, and saves what can be read.",
                ) from error
            set_aside = replace_damaged(path, str(error), new_queue)
            _damage_mark(path).unlink(missing_ok=True)
            db = _open(path, check=False)
        users.share()
    except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
        raise unusable(path, error) from error
    return Opened(db, set_aside)


def new_queue(path: Path) -> sqlite3.Connection:
    """Open a queue without a check for damage, or create an empty one."""
    return _open(path, check=False)


def mark_damaged(path: Path) -> None:
    """Write the mark which tells the next process that the queue is damaged."""
    make_private(_damage_mark(path))


def _damage_mark(path: Path) -> Path:
    return path.with_suffix(".damaged")


def _ended_in_disorder(path: Path) -> bool:
    """Whether the last process did not close the file; only true while no process has it open."""
    return any(path.with_name(path.name + suffix).exists() for suffix in _SIDE_FILES)


def _open(path: Path, *, check: bool) -> sqlite3.Connection:
    _refuse_remains(path)
    make_private(path)  # SQLite gives its side files the same mode
    db = sqlite3.connect(
        path, timeout=_OTHERS_SECONDS, check_same_thread=False, isolation_level=None
    )
    try:
        db.row_factory = sqlite3.Row
        if check:
            _check(db)
        _migrate(path, db)
        _use_wal(db)
        # FULL: a job that is reported as queued is on the disk.
        db.execute("PRAGMA synchronous = FULL")
    except BaseException:
        db.close()
        raise
    return db


def _refuse_remains(path: Path) -> None:
    """Raise Damaged when the file is marked, or when only its -wal file has content.

    SQLite would create a new database in silence, and delete the -wal file.
    """
    wal = path.with_name(path.name + "-wal")
    if _damage_mark(path).exists():
        raise Damaged("damage was met when it was last used")
    if _size(wal) and not _size(path):
        raise Damaged("it is empty, though changes to it are there")


def _size(path: Path) -> int:
    """Return the size of a file; 0 when it is missing, as a -wal file is that another process deletes."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _check(db: sqlite3.Connection) -> None:
    found = [str(row[0]) for row in db.execute("PRAGMA quick_check(1)")]
    if found != ["ok"]:
        raise Damaged(found[0] if found else "it cannot be checked")


def _migrate(path: Path, db: sqlite3.Connection) -> None:
    if _is_current(path, db):
        return
    with transaction(db):
        # Checked again: another process may have migrated the tables in the meantime.
        if not _is_current(path, db):
            _refuse_others(path, db)
            upgrade(db)


def _is_current(path: Path, db: sqlite3.Connection) -> bool:
    """Whether the tables have the newest schema. Raises QueueError when their schema is newer than that."""
    version = version_of(db)
    if not 0 <= version <= _LAST_VERSION:
        raise Damaged(f"it has no version ({version})")
    if version > SCHEMA_VERSION:
        raise QueueError(
            f"the queue {path} was written by a newer upsample (schema {version}; this one knows "
            f"{SCHEMA_VERSION})",
            "Upgrade this one; the queue was left as it is.",
        )
    return version == SCHEMA_VERSION


def _refuse_others(path: Path, db: sqlite3.Connection) -> None:
    if version_of(db) == 0 and db.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise QueueError(f"{path} is the database of another program", "Move it away.")


def _use_wal(db: sqlite3.Connection) -> None:
    """Switch to WAL mode. Retries, because SQLite does not wait for this lock, only for others."""
    for tries_left in reversed(range(_TRIES)):
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if not tries_left:
                raise
            time.sleep(_PAUSE)
        else:
            return
