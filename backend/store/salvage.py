"""Replaces a damaged queue: keeps the damaged file, and copies the rows that can be read into a new one.

SQLite stops at the first damaged page; rows behind it are read from the pages themselves, and a row that is
not as it was written is left out. The work is done on a copy, and the new queue replaces the old one only
when it is complete. What boxes have done is in their journals, which are read again from the start: a job
whose answer was lost is answered at once when it is sent again.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backend.store.decision import Decision
from backend.store.held_answers import parse_held
from backend.store.job import State
from backend.store.job_rows import read_draws, read_generation, read_paths, read_target
from backend.store.pages import PAGE, RecoveredRow, read_rows
from backend.store.paths import path_of
from backend.store.rating import MOST_STARS
from backend.store.schema import SETTLE_ORIGINS, transaction
from backend.store.trouble import READ_ERRORS, Damaged
from remote.protocol import Answer, ProtocolError, Request, parse

_SIDE_FILES = ("-wal", "-shm")
_MAGIC = b"SQLite format 3\0"

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SetAside:
    """A damaged queue that was replaced by a new one."""

    path: Path
    """The path of the queue."""
    kept: Path
    """The path of the damaged file now; SQLite's side files are beside it."""
    problem: str
    """What was found damaged."""
    saved: Mapping[str, int]
    """How many rows were saved, by table."""

    def describe(self) -> str:
        """Say what happened, and what the user can do."""
        saved = [
            f"{self.saved.get(table, 0):,} {name}"
            for table, name in (
                ("jobs", "jobs"),
                ("results", "answers"),
                ("decisions", "decisions"),
            )
        ]
        return (
            f"the queue {self.path} was damaged ({self.problem}); it is kept as {self.kept}. "
            f"Saved from it: {', '.join(saved)}.\n"
            "  What boxes have done comes back from them. Of the specs whose jobs are missing, run the "
            "same command again: what is there is found and not done twice."
        )


_COPIES = "mending-"
"""How the folder's name begins in which a damaged queue is mended."""


def replace_damaged(
    path: Path, problem: str, make: Callable[[Path], sqlite3.Connection]
) -> SetAside:
    """Replace a damaged queue by a new one, which `make` creates, with the rows that can be read.

    No other process may have it open. When it raises OSError or sqlite3.Error, the damaged file is still in
    its place.
    """
    with tempfile.TemporaryDirectory(prefix=_COPIES, dir=path.parent) as folder:
        copy, new = Path(folder) / "copy.db", Path(folder) / "new.db"
        for file, suffix in _files(path):
            shutil.copyfile(file, f"{copy}{suffix}")
        with closing(make(new)) as fresh:
            saved = _copy_rows(copy, fresh)
        kept = _free_name(path)
        # The main file comes last and is replaced in one step, so that there is always a queue.
        for file, suffix in _files(path)[1:]:
            file.rename(f"{kept}{suffix}")
        _link_or_copy(path, kept)
        new.replace(path)
    return SetAside(path, kept, problem, saved)


def remove_left_copies(path: Path) -> None:
    """Remove the copies of a damaged queue that a process has left which was killed while it mended.

    No other process may have the queue open.
    """
    for folder in path.parent.glob(f"{_COPIES}????????"):
        shutil.rmtree(folder, ignore_errors=True)


def _files(path: Path) -> list[tuple[Path, str]]:
    names = [(path.with_name(path.name + suffix), suffix) for suffix in ("", *_SIDE_FILES)]
    return [(file, suffix) for file, suffix in names if not suffix or file.exists()]


def _free_name(path: Path) -> Path:
    stem = f"{path.stem}-damaged-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    names = (
        path.with_name(f"{stem}{n}{path.suffix}") for n in ("", *(f"-{i}" for i in range(2, 99)))
    )
    return next(name for name in names if not name.exists())


def _link_or_copy(path: Path, kept: Path) -> None:
    try:
        kept.hardlink_to(path)
    except OSError:  # a file system without links
        shutil.copy2(path, kept)


def _copy_rows(damaged: Path, fresh: sqlite3.Connection) -> dict[str, int]:
    saved = dict.fromkeys(_TABLES, 0)
    columns = {table: _columns(fresh, table) for table in _TABLES}
    unread = []
    with transaction(fresh):
        with _readable(damaged) as db:
            for table in _TABLES:
                try:
                    rows = db.execute(f"SELECT * FROM {table}")  # noqa: S608 - our own names
                    if not {name for name, *_ in rows.description} <= set(columns[table]):
                        raise Damaged(f"columns of {table} have other names")
                    for row in rows:
                        saved[table] += _insert(fresh, table, dict(row))
                except READ_ERRORS:
                    unread.append(table)
            with suppress(*READ_ERRORS):
                # Moves all pages into one file, for `read_rows`.
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        for row in read_rows(damaged) if unread else ():
            for table in unread:
                saved[table] += _insert(fresh, table, _with_columns(row, columns[table]))
        _reconcile(fresh)
    return saved


class _readable:  # noqa: N801 - used as a function
    """A context manager that opens a damaged file, and mends its header when that is needed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> sqlite3.Connection:
        self._db = self._connect()
        with suppress(*READ_ERRORS):
            self._db.execute("SELECT 1 FROM sqlite_master").fetchone()
            return self._db
        self._db.close()
        _mend_header(self._path)
        self._db = self._connect()
        return self._db

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None)
        db.row_factory = sqlite3.Row
        # Lets SQLite ignore damage in the schema, and read a file that is shorter than its header says.
        db.execute("PRAGMA writable_schema = ON")
        return db


def _mend_header(path: Path) -> None:
    """Rewrite those parts of the header that are equal in all files of upsample."""
    size = path.stat().st_size
    if size < PAGE:
        return
    with path.open("r+b") as file:
        file.write(_MAGIC + PAGE.to_bytes(2, "big") + bytes([2, 2, 0, 64, 32, 32]))
        file.seek(28)
        file.write((size // PAGE).to_bytes(4, "big"))
        file.seek(44)
        file.write((4).to_bytes(4, "big"))
        file.seek(56)
        file.write((1).to_bytes(4, "big"))  # UTF-8


def _columns(db: sqlite3.Connection, table: str) -> tuple[str, ...]:
    return tuple(str(row["name"]) for row in db.execute(f"PRAGMA table_info({table})"))


def _with_columns(row: RecoveredRow, columns: tuple[str, ...]) -> Values:
    """Return a row's values by column name; empty when the row has too many values for this table.

    A column `number` is the rowid.
    """
    if len(row.values) > len(columns):
        return {}
    values: dict[str, object] = dict(zip(columns, row.values, strict=False))
    if "number" in values and values["number"] is None:
        values["number"] = row.number
    return values


def _insert(db: sqlite3.Connection, table: str, values: Values) -> int:
    """Insert a row if it is whole and not there yet; returns how many rows were inserted."""
    if not _TABLES[table](values):
        return 0
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    with suppress(sqlite3.IntegrityError):
        return db.execute(
            f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})",  # noqa: S608
            tuple(values.values()),
        ).rowcount
    return 0


def _reconcile(db: sqlite3.Connection) -> None:
    """Make the saved rows consistent: queue jobs again whose answer is missing, and reset journal cursors."""
    db.execute(SETTLE_ORIGINS)  # where an earlier version wrote the file
    unanswered = (
        "state = 'done' AND NOT EXISTS (SELECT 1 FROM results "
        "WHERE results.identity = jobs.identity AND results.box = jobs.box)"
    )
    # The second answer to a request may be another text, so these results are written again.
    for row in db.execute(
        f"SELECT destination, choice, entry FROM jobs WHERE {unanswered}"  # noqa: S608 - our own words
    ).fetchall():
        db.execute(
            "UPDATE written SET holds = json_remove(holds, ?) WHERE path IN (?, ?)",
            (f'$."{row["entry"]}"', row["destination"], row["choice"]),
        )
    # A job of a fleet stays with its box, which may have its answer.
    waits = "state = CASE fleet WHEN '' THEN 'queued' ELSE 'preparing' END"
    db.execute(f"UPDATE jobs SET {waits} WHERE {unanswered}")  # noqa: S608
    # All sent jobs are sent again; a box answers a request that it has done at once. If they stayed sent, the
    # replay of the whole journal could end them with the end of an earlier attempt.
    db.execute(f"UPDATE jobs SET {waits} WHERE state IN ('preparing', 'sent', 'running')")  # noqa: S608
    db.execute("UPDATE jobs SET place = number WHERE place = 0")
    for table in ("cancels", "pauses", "decisions", "attempts", "ratings", "left_behind"):
        db.execute(f"DELETE FROM {table} WHERE job NOT IN (SELECT number FROM jobs)")  # noqa: S608
    db.execute("UPDATE seen SET seq = -1")


# --- whether rows are as they were written ---


def _is_whole_job(row: Values) -> bool:
    texts = [row.get(name) for name in ("key", "box", "name", "prompt", "settings")]
    texts.append(row.get("fleet", ""))
    try:
        State(str(row.get("state")))
        json.loads(str(row.get("settings")))
        read_target(str(row.get("target", "{}")))
        read_draws(str(row.get("draws", "[]")))
        read_paths(str(row.get("more_controls", "[]")))
        if row.get("generation") is not None:
            read_generation(str(row["generation"]))
        if row.get("request") is not None:
            request = parse(Request, json.loads(str(row["request"])))
            if request.job_id() != row.get("identity"):
                return False
    except (TypeError, ValueError, ProtocolError):
        return False
    numbers = (row.get(name) for name in ("number", "entry", "candidate", "seed", "asked"))
    paths = (row.get(name) for name in ("file", "destination"))
    return (
        all(isinstance(text, str) for text in texts)
        and all(isinstance(number, int) for number in numbers)
        and all(isinstance(path, (str, bytes)) and path for path in paths)
    )


def _is_whole_answer(row: Values) -> bool:
    try:
        parse(Answer, json.loads(str(row.get("answer"))))
    except (ValueError, ProtocolError):
        return False
    texts = (row.get("identity"), row.get("box", ""))
    is_text = all(isinstance(text, str) for text in texts) and isinstance(
        row.get("model"), (str, type(None))
    )
    return is_text and isinstance(row.get("received"), (int, float))


def _is_whole_decision(row: Values) -> bool:
    try:
        Decision(str(row.get("decision")))
    except ValueError:
        return False
    return all(isinstance(row.get(name), int) for name in ("number", "step", "job", "asked"))


def _is_whole_rating(row: Values) -> bool:
    stars = row.get("stars")
    is_rating = isinstance(stars, int) and 0 <= stars <= MOST_STARS
    return _has_a_job(row) and is_rating and isinstance(row.get("note"), str)


def _is_whole_file(row: Values) -> bool:
    paths = [row.get(name) for name in ("path", "source")]
    return (
        all(isinstance(path, (str, bytes)) and path_of(path).is_absolute() for path in paths)
        and re.fullmatch("[0-9a-f]*", str(row.get("sha256"))) is not None
        and _is_whole_list_of_answers(row.get("holds"))
    )


def _is_whole_list_of_answers(stored: object) -> bool:
    try:
        if stored is not None:
            parse_held(str(stored))
    except Damaged:
        return False
    return True


def _has_a_job(row: Values) -> bool:
    return isinstance(row.get("job"), int)


def _is_left_behind(row: Values) -> bool:
    is_of_box = isinstance(row.get("box"), str) and isinstance(row.get("identity"), str)
    return is_of_box and isinstance(row.get("job"), int)


def _is_whole_cursor(row: Values) -> bool:
    return isinstance(row.get("box"), str) and isinstance(row.get("journal"), str)


_TABLES: Mapping[str, Callable[[Values], bool]] = {
    "jobs": _is_whole_job,
    "results": _is_whole_answer,
    "decisions": _is_whole_decision,
    "written": _is_whole_file,
    "seen": _is_whole_cursor,
    "cancels": _has_a_job,
    "pauses": _has_a_job,
    "attempts": _has_a_job,
    "ratings": _is_whole_rating,
    "left_behind": _is_left_behind,
}
"""The tables that are saved, each with a check of whether a row is as it was written."""
