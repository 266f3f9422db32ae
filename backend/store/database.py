"""The open file of the queue: its connection, its transactions, and what a failing one is called.

Opening it is in `opening`, what is done about a damaged one in `salvage`.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from backend.store.opening import Opened, Users, mark_damaged, open_queue
from backend.store.schema import transaction
from backend.store.trouble import is_damage, unusable

EACH = "(SELECT value FROM json_each(?))"
"""Of a list of numbers, which SQLite takes only as JSON (`array`)."""


class Database:
    """What the tables of the queue share: the connection, its lock, and the clock of what is asked for.

    Every method of it and of those who build on it raises QueueError where the file cannot be used.
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
        """What happened to a damaged queue that was found here; None when it was whole."""

    def close(self) -> None:
        with self._lock:
            self._db.close()
            self._users.leave()

    def others_version(self) -> int:
        """Another number than before when another process, or another Store, changed the queue."""
        with self._using() as db:
            (version,) = db.execute("PRAGMA data_version").fetchone()
        return int(version)

    def _last_asked(self) -> int:
        """As `Job.asked` counts."""
        (last,) = self._db.execute(
            "SELECT max(coalesce((SELECT max(asked) FROM jobs), 0), "
            "coalesce((SELECT max(asked) FROM decisions), 0))"
        ).fetchone()
        return int(last)

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """What is done meanwhile, in this thread, is one change: no other process sees a part of it."""
        with self._transaction():
            yield

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread at a time."""
        with self._lock:
            try:
                yield self._db
            except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
                raise  # ours, and not the file's
            except sqlite3.DatabaseError as error:
                if is_damage(error):
                    mark_damaged(self.path)
                raise unusable(self.path, error) from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """The same, and what is changed meanwhile is on the disk afterwards, all of it or nothing."""
        with self._using() as db:
            if db.in_transaction:
                yield db
            else:
                with transaction(db):
                    yield db


def array(numbers: Iterable[int]) -> str:
    """Numbers as `EACH` takes them."""
    return json.dumps(list(numbers))
