"""Which files we wrote, and what they held when we left them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.store.database import Database
from backend.store.paths import path_of, stored_path

_COLUMNS = "sha256, source, result, replaced, pending"


@dataclass(frozen=True, slots=True)
class Written:
    """A file that we wrote."""

    sha256: str
    """Of its bytes when we left it; empty when it is not known that we ever did."""
    source: Path
    """The spec file whose result it holds."""
    result: Path | None = None
    """The result's main file, to which this one belongs; None in queues of earlier versions."""
    replaced: bytes | None = None
    """What somebody else had there before, where we were told to replace it."""
    pending: str = ""
    """SHA-256 of what we were about to put there; it is there, too, if we were killed just then."""

    def is_left_as(self, sha256: str) -> bool:
        """Whether a file with these bytes is as we left it."""
        return sha256 in (self.sha256, self.pending)


class WrittenFiles(Database):
    """One row a file."""

    def written(self, path: Path) -> Written | None:
        """What we last wrote to this path; None when we never did."""
        with self._using() as db:
            row = db.execute(
                f"SELECT {_COLUMNS} FROM written WHERE path = ?",  # noqa: S608 - our own words
                (stored_path(path),),
            ).fetchone()
        return _written(row) if row else None

    def all_written(self) -> dict[Path, Written]:
        """What we last wrote, by path; without what was replaced."""
        with self._using() as db:
            rows = db.execute("SELECT path, sha256, source, pending FROM written").fetchall()
        return {
            path_of(row["path"]): Written(
                row["sha256"], path_of(row["source"]), pending=row["pending"] or ""
            )
            for row in rows
        }

    def note_writing(self, files: Mapping[Path, Written]) -> None:
        """Note what we are about to write. Whether we do or are killed before, the files are ours."""
        self._note(
            files,
            "INSERT INTO written (path, sha256, source, result, replaced, pending) "
            "VALUES (:path, '', :source, :result, :replaced, :sha256) "
            "ON CONFLICT (path) DO UPDATE SET pending = excluded.pending",
        )

    def note_written(self, files: Mapping[Path, Written]) -> None:
        """Note what we wrote, so that we may write it anew as long as nobody else changed it.

        What we once replaced there stays known.
        """
        self._note(
            files,
            "INSERT INTO written (path, sha256, source, result, replaced, pending) "
            "VALUES (:path, :sha256, :source, :result, :replaced, NULL) "
            "ON CONFLICT (path) DO UPDATE SET sha256 = excluded.sha256, pending = NULL",
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
                    }
                    for path, written in files.items()
                ],
            )

    def files_of(self, result: Path) -> list[Path]:
        """The files that we wrote for a result, its main file among them, as far as that is known."""
        place = stored_path(result)
        with self._using() as db:
            rows = db.execute(
                "SELECT path FROM written WHERE result = ? OR path = ?", (place, place)
            ).fetchall()
        return [path_of(row["path"]) for row in rows]

    def forget_written(self, path: Path) -> None:
        """It is not a file of ours any more."""
        with self._transaction() as db:
            db.execute("DELETE FROM written WHERE path = ?", (stored_path(path),))


def _written(row: sqlite3.Row) -> Written:
    return Written(
        row["sha256"],
        path_of(row["source"]),
        path_of(row["result"]) if row["result"] else None,
        row["replaced"],
        row["pending"] or "",
    )
