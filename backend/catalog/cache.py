"""Caches parsed specs and probed videos, so that 100,000 specs need not be read again at each start.

A row is valid as long as its file has the same size, time and inode. A cache that cannot be used is deleted
in silence, and everything is read again. One thread uses an index at a time.
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
from backend.specs.model import UNSAID, Mode, Spec, SpecFormat, Target
from backend.specs.reading import Finding, read_file, read_in_parts
from backend.specs.tables import is_table
from backend.specs.tables.columns import ANY_COLUMNS, WantedColumns
from backend.video import Colours, MediaKind, Video, probe

_SCHEMA = f"6 {__version__}"
"""The version of the cache; another version of the program may read files differently."""
_MOST_ROWS = 400_000
"""The most rows of a table, about 150 MB. Rows that were not used for the longest time are deleted first."""
_SAVE_AFTER = 2_000
"""How many new rows are kept in memory before they are saved."""
_PART = 1_000
"""How many specs of a file are returned together."""

_TargetFields = tuple[str | None, float | None, int | None, str | None, str | None, str | None]
"""The fields of a Target."""
_Fields = tuple[
    str, int, int, str, str, str | None, dict[str, str], bool, str | None, _TargetFields | None
]
"""The fields of a Spec except its file; the target is None where the file says nothing of it."""
_VideoFields = tuple[str, int, int, float, float, int, str, int, bool, str, bool]
"""The fields of a Video except its path."""
_DAMAGED = (ValueError, TypeError, LookupError, AttributeError)
"""Exceptions that a damaged row may raise."""


class _Row(NamedTuple):
    stamp: str
    seen: int
    """The day on which the row was last used, in days since 1970."""
    value: str


def default_index() -> Path:
    """Return the path of the cache's file."""
    return platformdirs.user_cache_path("upsample") / "index.db"


class Index:
    """A table of the cache, which stores a text for each file."""

    def __init__(self, path: Path, table: str) -> None:
        self._path = path
        self._table = table
        self._db: sqlite3.Connection | None = None
        self._opened = False
        self._folder: str | None = None
        self._known: dict[str, _Row] = {}
        """The rows of that folder, by file name. A scan reads all files of a folder one after the other."""
        self._new: dict[tuple[str, str], _Row] = {}
        self._today = int(time.time() // 86_400)

    def get(self, path: str, stamp: str) -> str | None:
        """Return the text of the file at this absolute path; None when there is none for this stamp."""
        folder, name = os.path.split(path)
        if folder != self._folder:
            self._folder, self._known = folder, self._load(folder)
        row = self._known.get(name)
        if row is None or row.stamp != stamp:
            return None
        if row.seen != self._today:
            self._put(folder, name, _Row(stamp, self._today, row.value))
        return row.value

    def put(self, path: str, stamp: str, value: str) -> None:
        """Store a text for the file."""
        self._put(*os.path.split(path), _Row(stamp, self._today, value))

    def save(self) -> None:
        """Write the new rows, unless another process has locked the file."""
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
        """Save, and close the file."""
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


class SpecIndex:
    """`read_file` with a cache."""

    def __init__(self, path: Path) -> None:
        self._index = Index(path, "specs")
        self._paths: dict[str, Path] = {}
        """Paths by their text: specs often share videos, and a look-up is faster than a new Path."""

    def read(
        self, file: Path, cwd: Path, columns: WantedColumns = ANY_COLUMNS
    ) -> Iterator[tuple[Finding, ...]]:
        """Return the findings of `read_in_parts` so that the first is there before the last is made."""
        if is_table(file):  # it may have a million rows
            yield from read_in_parts(file, cwd, columns)
            return
        absolute = os.path.abspath(os.path.join(cwd, file))  # noqa: PTH100, PTH118
        stamp = _stamp(absolute, str(cwd))
        known = self._index.get(absolute, stamp) if stamp and _is_text(absolute) else None
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
        if stamp and _is_text(absolute) and (fields := _fields_of(found)):
            parts = (fields[start : start + _PART] for start in range(0, len(fields), _PART))
            self._index.put(absolute, stamp, "\n".join(map(json.dumps, parts)))
        yield found[given:]

    def close(self) -> None:
        """Save the new rows, and close the file."""
        self._index.close()

    def _spec(self, fields: _Fields, file: Path) -> Spec:
        kind, entry, line, name, prompt, video, controls, upsampled, written, said = fields
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
            written_prompt=written,
            target=_target(said) if said else UNSAID,
        )

    def _path(self, text: str) -> Path:
        path = self._paths.get(text)
        if path is None:
            path = self._paths[text] = Path(text)
        return path


class VideoIndex:
    """`probe` with a cache."""

    def __init__(self, path: Path) -> None:
        self._index = Index(path, "videos")

    def probe(self, path: Path) -> Video:
        """Return what `probe` finds in the file. Raises MediaError."""
        absolute = os.path.abspath(path)  # noqa: PTH100
        stamp = _stamp(absolute, "")
        known = self._index.get(absolute, stamp) if stamp and _is_text(absolute) else None
        if known is not None:
            with suppress(*_DAMAGED):
                kept: _VideoFields = json.loads(known)
                kind, width, height, fps, duration, frames, codec, stream = kept[:8]
                stretched, name, perhaps_hdr = kept[8:]
                size, colours = Size(width, height), Colours.parse(name) if name else None
                return Video(
                    *(path, MediaKind(kind), size, fps, duration, frames, codec, stream),
                    is_stretched=stretched,
                    colours=colours,
                    is_perhaps_hdr=perhaps_hdr,
                )
        found = probe(path)
        if stamp and _is_text(absolute):
            fields = (
                *(found.kind, found.size.width, found.size.height, found.fps),
                *(found.duration, found.frames, found.codec, found.stream),
                *(found.is_stretched, str(found.colours or ""), found.is_perhaps_hdr),
            )
            self._index.put(absolute, stamp, json.dumps(fields))
        return found

    def close(self) -> None:
        """Save the new rows, and close the file."""
        self._index.close()


_FORMATS = {str(kind): kind for kind in SpecFormat}


def _target(fields: _TargetFields) -> Target:
    mode, fps, num_frames, resolution, aspect_ratio, negative_prompt = fields
    kind = Mode(mode) if mode else None
    return Target(kind, fps, num_frames, resolution, aspect_ratio, negative_prompt)


def _target_fields(target: Target) -> _TargetFields | None:
    if target == UNSAID:
        return None
    return (
        *(target.mode, target.fps, target.num_frames),
        *(target.resolution, target.aspect_ratio, target.negative_prompt),
    )


def _stamp(path: str, cwd: str) -> str:
    """Return the file's identity (`file_stamp`) and the working directory, on which its paths depend."""
    stamp = file_stamp(path)
    return stamp and f"{stamp} {cwd}"


def _is_text(path: str) -> bool:
    """Whether the path can be a key: a name may consist of bytes that are not UTF-8."""
    if path.isascii():
        return True
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fields_of(findings: Iterable[Finding]) -> list[_Fields]:
    """Return the fields of a file's specs; empty when they must not be cached.

    A spec with a prompt file depends on that, and a finding that is an error may depend on anything.
    """
    fields: list[_Fields] = []
    for spec in findings:
        if not isinstance(spec, Spec) or spec.prompt_file is not None:
            return []
        video = str(spec.video) if spec.video else None
        controls = {name: str(path) for name, path in spec.controls.items()}
        fields.append(
            (
                spec.format,
                spec.entry,
                spec.line,
                spec.name,
                spec.prompt,
                video,
                controls,
                spec.is_upsampled,
                spec.written_prompt,
                _target_fields(spec.target),
            )
        )
    return fields
