"""What was read from files before, so that 100,000 specs need not be parsed again, nor their videos opened.

A row holds as long as its file has the same size, time and inode. The index is a cache: what cannot be used
of it is thrown away without a word, and everything is read anew. One thread uses an index at a time.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import platformdirs

from backend import __version__
from backend.files import file_stamp
from backend.sizes import Size
from backend.specs.model import Spec, SpecFormat
from backend.specs.reading import Finding, read_file
from backend.video import MediaKind, Video, probe

_SCHEMA = f"2 {__version__}"
"""Another version may read files otherwise."""
_MOST_ROWS = 400_000
"""About 150 MB. The ones that were not asked for the longest go first."""
_SAVE_AFTER = 2_000
"""New rows."""
_PART = 1_000
"""Specs of a file that are handed on together."""

_Fields = tuple[str, int, int, str, str, str | None, dict[str, str], bool]
"""Of a Spec, but for its file."""
_VideoFields = tuple[str, int, int, float, float, int, str, int]
_DAMAGED = (ValueError, TypeError, LookupError, AttributeError)
"""What a row that is not as we wrote it may raise."""


class _Row(NamedTuple):
    stamp: str
    seen: int
    """Day on which it was last asked for."""
    value: str


def default_index() -> Path:
    """Where the index is kept."""
    return platformdirs.user_cache_path("upsample") / "index.db"


class Index:
    """Text by file, in one table of the index."""

    def __init__(self, path: Path, table: str) -> None:
        self._path = path
        self._table = table
        self._db: sqlite3.Connection | None = None
        self._opened = False
        self._folder: str | None = None
        self._known: dict[str, _Row] = {}
        """Of that folder. A scan asks for one file after the other of each."""
        self._new: dict[tuple[str, str], _Row] = {}
        self._today = int(time.time() // 86_400)

    def get(self, place: str, stamp: str) -> str | None:
        """What was put for the file at this absolute path while it had this stamp."""
        folder, name = os.path.split(place)
        if folder != self._folder:
            self._folder, self._known = folder, self._load(folder)
        row = self._known.get(name)
        if row is None or row.stamp != stamp:
            return None
        if row.seen != self._today:
            self._put(folder, name, _Row(stamp, self._today, row.value))
        return row.value

    def put(self, place: str, stamp: str, value: str) -> None:
        """Keep this for the file."""
        self._put(*os.path.split(place), _Row(stamp, self._today, value))

    def save(self) -> None:
        """Write what is new. An index that another process holds is left as it is."""
        db, rows = self._open(), self._new
        self._new = {}
        if db is None or not rows:
            return
        with suppress(sqlite3.Error), db:
            db.executemany(
                f"INSERT OR REPLACE INTO {self._table} VALUES (?, ?, ?, ?, ?)",  # noqa: S608
                [(folder, name, *row) for (folder, name), row in rows.items()],
            )

    def close(self) -> None:
        """Save, and let go of the file."""
        self.save()
        if self._db is not None:
            self._prune(self._db)
            self._db.close()
        self._db, self._opened, self._folder = None, False, None

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
            self.save()

    def _load(self, folder: str) -> dict[str, _Row]:
        db = self._open()
        if db is None:
            return {}
        try:
            rows = db.execute(
                f"SELECT name, stamp, seen, value FROM {self._table} WHERE folder = ?",  # noqa: S608
                (folder,),
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
        # A crash may cost the index, so nothing waits for the disk.
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
        """It is damaged, or cannot be written here: go on without; the next one starts anew."""
        if self._db is not None:
            self._db.close()
        self._db = None
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                self._path.with_name(self._path.name + suffix).unlink()


class SpecIndex:
    """`read_file`, which remembers."""

    def __init__(self, path: Path) -> None:
        self._index = Index(path, "specs")
        self._paths: dict[str, Path] = {}
        """Videos are often shared, and a Path takes longer to make than to find."""

    def read(self, file: Path, cwd: Path) -> Iterator[tuple[Finding, ...]]:
        """What `read_file` says of the file, part by part: the first of many is there before the last."""
        place = os.path.abspath(os.path.join(cwd, file))  # noqa: PTH100, PTH118
        stamp = _stamp(place, str(cwd))
        known = self._index.get(place, stamp) if stamp and _is_text(place) else None
        given = 0
        if known is not None:
            with suppress(*_DAMAGED):
                for part in known.split("\n"):
                    entries: list[_Fields] = json.loads(part)
                    specs = tuple(self._spec(fields, file) for fields in entries)
                    yield specs
                    given += len(specs)
                return
        found = read_file(file, cwd)
        if stamp and _is_text(place) and (fields := _fields_of(found)):
            parts = (fields[at : at + _PART] for at in range(0, len(fields), _PART))
            self._index.put(place, stamp, "\n".join(map(json.dumps, parts)))
        yield found[given:]

    def close(self) -> None:
        """Save what is new."""
        self._index.close()

    def _spec(self, fields: _Fields, file: Path) -> Spec:
        kind, entry, line, name, prompt, video, controls, upsampled = fields
        return Spec(
            _FORMATS[kind],
            file,
            entry,
            line,
            name,
            prompt,
            self._path(video) if video else None,
            {control: self._path(path) for control, path in controls.items()},
            upsampled,
        )

    def _path(self, text: str) -> Path:
        path = self._paths.get(text)
        if path is None:
            path = self._paths[text] = Path(text)
        return path


class VideoIndex:
    """`probe`, which remembers."""

    def __init__(self, path: Path) -> None:
        self._index = Index(path, "videos")

    def probe(self, path: Path) -> Video:
        """What `probe` says of the file. Raises MediaError."""
        place = os.path.abspath(path)  # noqa: PTH100
        stamp = _stamp(place, "")
        known = self._index.get(place, stamp) if stamp and _is_text(place) else None
        if known is not None:
            with suppress(*_DAMAGED):
                kept: _VideoFields = json.loads(known)
                kind, width, height, fps, duration, frames, codec, stream = kept
                size = Size(width, height)
                return Video(path, MediaKind(kind), size, fps, duration, frames, codec, stream)
        found = probe(path)
        if stamp and _is_text(place):
            fields = (
                *(found.kind, found.size.width, found.size.height, found.fps),
                *(found.duration, found.frames, found.codec, found.stream),
            )
            self._index.put(place, stamp, json.dumps(fields))
        return found

    def close(self) -> None:
        """Save what is new."""
        self._index.close()


_FORMATS = {str(kind): kind for kind in SpecFormat}


def _stamp(place: str, cwd: str) -> str:
    """As `file_stamp`; differs also when that does which the file's paths start from."""
    stamp = file_stamp(place)
    return stamp and f"{stamp} {cwd}"


def _is_text(place: str) -> bool:
    """Whether the path can be a key: names may be bytes that are no UTF-8."""
    if place.isascii():
        return True
    try:
        place.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fields_of(findings: Iterable[Finding]) -> list[_Fields]:
    """The specs of a file; nothing where one of the findings hangs on another file, or is trouble, which is
    rare and may hang on anything.
    """
    fields: list[_Fields] = []
    for it in findings:
        if not isinstance(it, Spec) or it.format is SpecFormat.TRANSFER25:
            return []
        video = str(it.video) if it.video else None
        controls = {name: str(path) for name, path in it.controls.items()}
        fields.append(
            (it.format, it.entry, it.line, it.name, it.prompt, video, controls, it.is_upsampled)
        )
    return fields
