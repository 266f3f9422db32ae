"""Stores which files upsample wrote: the hashes of their contents, to notice later changes by others, and the
answers that each result file holds, to notice answers that have not reached their file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.store.database import Database
from backend.store.held_answers import parse_held
from backend.store.paths import path_of, stored_path

_COLUMNS = "sha256, source, result, replaced, pending, holds"


@dataclass(frozen=True, slots=True)
class Written:
    """A file that upsample wrote."""

    sha256: str
    """SHA-256 of its content after we wrote it; empty when it is not known that we finished."""
    source: Path
    """The spec file whose result it holds."""
    result: Path | None = None
    """The result's main file, to which this one belongs; None in queues of earlier versions."""
    replaced: bytes | None = None
    """The content that we replaced by the user's order, when it was not ours."""
    pending: str = ""
    """SHA-256 of a content that we were about to write; the file has it if we were killed right after."""
    holds: Mapping[int, str] | None = None
    """The answers that the main file of a result holds: `answer_fingerprint` by entry. None for a file that
    belongs to a result, and when an earlier version wrote the file, which did not store this."""

    def is_left_as(self, sha256: str) -> bool:
        """Whether a file with this SHA-256 is unchanged since we wrote it."""
        return sha256 in (self.sha256, self.pending)


class WrittenFiles(Database):
    """The table of written files."""

    def written(self, path: Path) -> Written | None:
        """Return what we last wrote to this path; None when we never wrote to it."""
        with self._using() as db:
            row = db.execute(
                f"SELECT {_COLUMNS} FROM written WHERE path = ?",  # noqa: S608 - our own words
                (stored_path(path),),
            ).fetchone()
        return _written(row) if row else None

    def all_written(self) -> dict[Path, Written]:
        """Return all files that we wrote, by path, without `result` and `replaced`."""
        with self._using() as db:
            rows = db.execute("SELECT path, sha256, source, pending FROM written").fetchall()
        return {
            path_of(row["path"]): Written(
                row["sha256"], path_of(row["source"]), pending=row["pending"] or ""
            )
            for row in rows
        }

    def note_writing(self, files: Mapping[Path, Written]) -> None:
        """Store what we are about to write, so that the files count as ours even if we are killed then."""
        self._note(
            files,
            "INSERT INTO written (path, sha256, source, result, replaced, pending) "
            "VALUES (:path, '', :source, :result, :replaced, :sha256) "
            "ON CONFLICT (path) DO UPDATE SET pending = excluded.pending",
        )

    def note_written(self, files: Mapping[Path, Written]) -> None:
        """Store what we wrote, so that we may replace it as long as nobody else has changed it.

        A `replaced` content that is stored already is kept.
        """
        self._note(
            files,
            "INSERT INTO written (path, sha256, source, result, replaced, pending, holds) "
            "VALUES (:path, :sha256, :source, :result, :replaced, NULL, :holds) "
            "ON CONFLICT (path) DO UPDATE SET sha256 = excluded.sha256, pending = NULL, "
            "holds = excluded.holds",
        )

    def note_holds(self, path: Path, holds: Mapping[int, str]) -> None:
        """Store which answers a file holds that an earlier version wrote, unless it was written since."""
        with self._transaction() as db:
            db.execute(
                "UPDATE written SET holds = ? WHERE path = ? AND holds IS NULL AND pending IS NULL",
                (json.dumps(holds), stored_path(path)),
            )

    def _note(self, files: Mapping[Path, Written], upsert: str) -> None:
        with self._transaction() as db:
            db.executemany(
                f"{upsert}, source = excluded.source, result = excluded.result, "
                "replaced = coalesce(excluded.replaced, replaced)",
                [
                    {
                        "path": stored_path(path),
                        "sha256": written.sha256,
                        "source": stored_path(written.source),
                        "result": stored_path(written.result) if written.result else None,
                        "replaced": written.replaced,
                        "holds": None if written.holds is None else json.dumps(written.holds),
                    }
                    for path, written in files.items()
                ],
            )

    def files_of(self, result: Path) -> list[Path]:
        """Return the files that we wrote for a result, including its main file, as far as they are known."""
        stored = stored_path(result)
        with self._using() as db:
            rows = db.execute(
                "SELECT path FROM written WHERE result = ? OR path = ?", (stored, stored)
            ).fetchall()
        return [path_of(row["path"]) for row in rows]

    def forget_written(self, path: Path) -> None:
        """Remove a file from the table, so that it does not count as ours any more."""
        with self._transaction() as db:
            db.execute("DELETE FROM written WHERE path = ?", (stored_path(path),))


def _written(row: sqlite3.Row) -> Written:
    return Written(
        row["sha256"],
        path_of(row["source"]),
        path_of(row["result"]) if row["result"] else None,
        row["replaced"],
        row["pending"] or "",
        None if row["holds"] is None else parse_held(row["holds"]),
    )
