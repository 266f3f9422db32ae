"""Holds the open file of the queue: its connection, its lock and its transactions.

`opening` opens the file; `salvage` replaces a damaged one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from backend.store.opening import Opened, Users, mark_damaged, open_queue
from backend.store.schema import transaction
from backend.store.trouble import READ_ERRORS, is_damage, unusable

EACH = "(SELECT value FROM json_each(?))"
"""SQL for the elements of a list of numbers. SQLite takes a list only as JSON, which `array` makes."""


class Database:
    """The base class of all tables: the connection, its lock, and the counter behind `Job.asked`.

    Each method of this class and of its subclasses raises QueueError when the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._users = Users(path)
        try:
            opened: Opened = open_queue(path, self._users)
        except BaseException:
            self._users.leave()
            raise
        self._db = opened.db
        self.set_aside = opened.set_aside
        """What happened to a damaged queue that was found here; None when the file was whole."""

    def close(self) -> None:
        with self._lock:
            self._db.close()
            self._users.leave()

    @property
    def queue_id(self) -> str:
        """A name of this queue among those that use a box: of the machine and the file's place there."""
        place = f"{socket.gethostname()} {self.path.resolve()}"
        return hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()[:12]

    def others_version(self) -> int:
        """Return a version number, which changes when another process or another Store changes the queue."""
        with self._using() as db:
            (version,) = db.execute("PRAGMA data_version").fetchone()
        return int(version)

    def _last_asked(self) -> int:
        """Return the highest number that `Job.asked` or `Decided.asked` has."""
        (last,) = self._db.execute(
            "SELECT max(coalesce((SELECT max(asked) FROM jobs), 0), "
            "coalesce((SELECT max(asked) FROM decisions), 0))"
        ).fetchone()
        return int(last)

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Make the changes of this thread within the block one transaction, which others see as a whole."""
        with self._transaction():
            yield

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """Hold the connection's lock for a block of code. Turns errors of the file into QueueError."""
        with self._lock:
            try:
                yield self._db
            except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
                raise  # an error in our code, not in the file
            except READ_ERRORS as error:
                if is_damage(error):
                    mark_damaged(self.path)
                raise unusable(self.path, error) from error

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """Hold the lock for a block of code that only reads: all that it reads is of one moment."""
        with self._using() as db:
            if db.in_transaction:
                yield db
                return
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.execute("ROLLBACK")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the lock and run the block as one transaction, which is on the disk when the block ends."""
        with self._using() as db:
            if db.in_transaction:
                yield db
            else:
                with transaction(db):
                    yield db


def array(numbers: Iterable[int]) -> str:
    """Return the numbers as JSON, for a parameter of `EACH`."""
    return json.dumps(list(numbers))
