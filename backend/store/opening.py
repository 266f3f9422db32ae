"""Opening the queue's file: for its owner alone, brought up to date, and not damaged.

A check of a whole queue of 20,000 jobs takes a tenth of a second, so it is made only after an end in
disorder: SQLite leaves its -wal file behind then, and only a process that is alone can tell. Damage that
shows later, in the middle of the work, is noted in a file beside the queue for whoever opens it next.
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
from backend.store.salvage import SetAside, replace_damaged
from backend.store.schema import SCHEMA_VERSION, transaction, upgrade, version_of
from backend.store.trouble import Damaged, is_damage, unusable

_TRIES, _PAUSE = 100, 0.05
"""And seconds between them, for locks that others hold for a moment."""
_SIDE_FILES = ("-wal", "-shm")
"""What SQLite has beside the file while it is open."""
_OTHERS_SECONDS = 30.0
"""How long a change waits for another process's; one of 100,000 jobs takes 8."""
_LAST_VERSION = 1_000
"""No upsample will ever have a later schema; what says so is damaged."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The queue, ready for use."""

    db: sqlite3.Connection
    set_aside: SetAside | None
    """What happened to a damaged one; None when it was whole."""


class Users:
    """Which processes have the queue open: a lock that they share. Alone, one may replace a damaged file."""

    def __init__(self, path: Path) -> None:
        """Raises QueueError where the folder cannot be written."""
        self._path = path
        try:
            make_private_folder(path.parent)
            self._descriptor = open_private(path.with_suffix(".users"))
        except OSError as error:
            raise unusable(path, error) from error

    def is_alone(self) -> bool:
        """Whether no other one has it open; then none can open it before `share`."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def share(self) -> None:
        """Let others open it. Raises QueueError when one holds it alone for too long."""
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
        """It is not used here any more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def open_queue(path: Path, users: Users) -> Opened:
    """The queue's file, made if there is none. A damaged one is set aside. Raises QueueError."""
    set_aside = None
    try:
        alone = users.is_alone()
        if not alone:
            users.share()
        try:
            db = _open(path, check=alone and _ended_in_disorder(path))
        except sqlite3.DatabaseError as error:
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
    except (OSError, sqlite3.Error) as error:
        raise unusable(path, error) from error
    return Opened(db, set_aside)


def new_queue(path: Path) -> sqlite3.Connection:
    """A queue that is empty, or as it was left."""
    return _open(path, check=False)


def mark_damaged(path: Path) -> None:
    """Let whoever opens the queue next know that it is damaged."""
    make_private(_damage_mark(path))


def _damage_mark(path: Path) -> Path:
    return path.with_suffix(".damaged")


def _ended_in_disorder(path: Path) -> bool:
    """While nobody has it open: whether the last one to have it did not close it."""
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
        # FULL: a job that was told to be queued is on the disk.
        db.execute("PRAGMA synchronous = FULL")
    except BaseException:
        db.close()
        raise
    return db


def _refuse_remains(path: Path) -> None:
    """SQLite would begin anew without a word, and throw the -wal file away."""
    wal = path.with_name(path.name + "-wal")
    if _damage_mark(path).exists():
        raise Damaged("damage was met when it was last used")
    if wal.exists() and wal.stat().st_size and not (path.exists() and path.stat().st_size):
        raise Damaged("it is empty, though changes to it are there")


def _check(db: sqlite3.Connection) -> None:
    found = [str(row[0]) for row in db.execute("PRAGMA quick_check(1)")]
    if found != ["ok"]:
        raise Damaged(found[0] if found else "it cannot be checked")


def _migrate(path: Path, db: sqlite3.Connection) -> None:
    if _is_current(path, db):
        return
    with transaction(db):
        # Asked again: another process may have been faster.
        if not _is_current(path, db):
            _refuse_others(path, db)
            upgrade(db)


def _is_current(path: Path, db: sqlite3.Connection) -> bool:
    """Whether the tables are of this version. Raises QueueError when they are of a newer one."""
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
    """SQLite waits for locks, but not for this one, while another process does the same."""
    for tries_left in reversed(range(_TRIES)):
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if not tries_left:
                raise
            time.sleep(_PAUSE)
        else:
            return
