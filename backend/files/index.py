"""A cache on disk that keeps a text for each file: it holds while the file has the same size, time and inode.

A cache that cannot be used is deleted in silence, and everything is read again.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import NamedTuple

import platformdirs

from backend import __version__

_SCHEMA = f"6 {__version__}"
"""The version of the cache; another version of the program may read files differently."""
_MOST_ROWS = 400_000
"""The most rows of a table, about 150 MB. Rows that were not used for the longest time are deleted first."""
_SAVE_AFTER = 2_000
"""How many new rows are kept in memory before they are saved."""


class _Row(NamedTuple):
    stamp: str
    seen: int
    """The day on which the row was last used, in days since 1970."""
    value: str


def default_index() -> Path:
    """Return the path of the cache's file."""
    return platformdirs.user_cache_path("upsample") / "index.db"


class Index:
    """A table of the cache, which stores a text for each file. Threads may share it."""

    def __init__(self, path: Path, table: str, *, by_folder: bool = True) -> None:
        """With `by_folder`, all rows of a folder are loaded when its first file is asked for, which is faster
        where all files of a folder are asked for one after the other.
        """
        self._path = path
        self._table = table
        self._by_folder = by_folder
        self._lock = RLock()
        self._db: sqlite3.Connection | None = None
        self._opened = False
        self._folder: str | None = None
        self._known: dict[str, _Row] = {}
        """The rows of that folder, by file name."""
        self._new: dict[tuple[str, str], _Row] = {}
        self._today = int(time.time() // 86_400)

    def get(self, path: str, stamp: str) -> str | None:
        """Return the text of the file at this absolute path; None when there is none for this stamp."""
        folder, name = os.path.split(path)
        with self._lock:
            row = self._new.get((folder, name)) or self._find(folder, name)
            if row is None or row.stamp != stamp:
                return None
            if row.seen != self._today:
                self._put(folder, name, _Row(stamp, self._today, row.value))
            return row.value

    def put(self, path: str, stamp: str, value: str) -> None:
        """Store a text for the file."""
        with self._lock:
            self._put(*os.path.split(path), _Row(stamp, self._today, value))

    def close(self) -> None:
        """Save, and close the file."""
        with self._lock:
            self._save()
            if self._db is not None:
                self._prune(self._db)
                self._db.close()
            self._db, self._opened, self._folder = None, False, None

    def _save(self) -> None:
        """Write the new rows, unless another process has locked the file."""
        if not self._new:
            return
        rows, self._new = self._new, {}
        db = self._open()
        if db is None:
            return
        with suppress(sqlite3.Error), db:
            db.executemany(
                f"INSERT OR REPLACE INTO {self._table} VALUES (?, ?, ?, ?, ?)",  # noqa: S608
                [(folder, name, *row) for (folder, name), row in rows.items()],
            )

    def _prune(self, db: sqlite3.Connection) -> None:
        with suppress(sqlite3.Error), db:
            (rows,) = db.execute(f"SELECT count(*) FROM {self._table}").fetchone()  # noqa: S608
            db.execute(
                f"DELETE FROM {self._table} WHERE (folder, name) IN (SELECT folder, name "  # noqa: S608
                f"FROM {self._table} ORDER BY seen LIMIT ?)",
                (max(0, rows - _MOST_ROWS),),
            )

    def _put(self, folder: str, name: str, row: _Row) -> None:
        self._new[folder, name] = row
        if len(self._new) >= _SAVE_AFTER:
            self._save()

    def _find(self, folder: str, name: str) -> _Row | None:
        if not self._by_folder:
            return self._load(folder, name).get(name)
        if folder != self._folder:
            self._folder, self._known = folder, self._load(folder)
        return self._known.get(name)

    def _load(self, folder: str, name: str | None = None) -> dict[str, _Row]:
        """Return the rows of a folder, or of one file of it, by file name."""
        db = self._open()
        if db is None:
            return {}
        asked = (folder,) if name is None else (folder, name)
        try:
            rows = db.execute(
                f"SELECT name, stamp, seen, value FROM {self._table} WHERE folder = ?"  # noqa: S608
                + (" AND name = ?" if name is not None else ""),
                asked,
            )
            return {name: _Row(stamp, seen, value) for name, stamp, seen, value in rows}
        except sqlite3.Error:
            self._throw_away()
            return {}

    def _open(self) -> sqlite3.Connection | None:
        if not self._opened:
            self._opened = True
            try:
                self._db = self._connect()
            except (sqlite3.Error, OSError):
                self._throw_away()
        return self._db

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        db = sqlite3.connect(self._path, timeout=1, check_same_thread=False)
        # The cache may be lost in a crash, so no write waits for the disk.
        db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")
        db.execute("CREATE TABLE IF NOT EXISTS version (version TEXT PRIMARY KEY)")
        for table in ("specs", "videos"):
            db.execute(
                f"CREATE TABLE IF NOT EXISTS {table} (folder TEXT, name TEXT, stamp TEXT, "
                "seen INTEGER, value TEXT, PRIMARY KEY (folder, name)) WITHOUT ROWID"
            )
        if db.execute("SELECT version FROM version").fetchall() != [(_SCHEMA,)]:
            with db:
                for table in ("version", "specs", "videos"):
                    db.execute(f"DELETE FROM {table}")  # noqa: S608
                db.execute("INSERT INTO version VALUES (?)", (_SCHEMA,))
        return db

    def _throw_away(self) -> None:
        """Delete a cache that is damaged or cannot be written; this run goes on without one."""
        if self._db is not None:
            self._db.close()
        self._db = None
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                self._path.with_name(self._path.name + suffix).unlink()


def is_text(path: str) -> bool:
    """Whether the path can be a key: a name may consist of bytes that are not UTF-8."""
    if path.isascii():
        return True
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
