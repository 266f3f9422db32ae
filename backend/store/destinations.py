"""Decides which results belong in which files."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backend.errors import QueueError
from backend.store.database import EACH, array
from backend.store.decision import Decided
from backend.store.decisions import Decisions
from backend.store.held_answers import answer_fingerprint, parse_held
from backend.store.job import Job, State
from backend.store.jobs import Jobs
from backend.store.paths import path_of, stored_path


def wanted_since(job: Job, file: Path, decided: Decided | None) -> int | None:
    """Return when this result was last requested or accepted for this file, as a number of `Job.asked`.

    Returns None when the result does not belong in the file. `decided` is the last decision about the job.
    """
    return _since(job.asked, decided, is_ordered=job.destination == file and not job.held)


def _since(asked: int, decided: Decided | None, *, is_ordered: bool) -> int | None:
    """Return what `wanted_since` returns. `is_ordered`: the result belongs in the file without a decision."""
    if decided is None:
        return asked if is_ordered else None
    return max(asked, decided.asked) if decided.decision.is_wanted else None


@dataclass(frozen=True, slots=True)
class Due:
    """A result that belongs in a file which is not known to hold it."""

    job: Job
    file: Path
    is_unknown: bool
    """Whether only the file can tell: an earlier version wrote it, which did not store what it holds."""


class Destinations(Jobs, Decisions):
    """Queries of jobs and decisions by the file that the results go to."""

    def due(self, box: str | None = None) -> list[Due]:
        """Return the results, of one box or of all, that belong in a file which is not known to hold them.

        Each entry of a file is compared with the answer that belongs there now. So a result is found whether
        its file was never written, or was written before the answer came or the user decided. Results that
        wait for a review, were rejected, or were followed by a later order are not to be written.

        Only files are looked at to which something has happened since they were found to lack nothing.
        """
        with self._snapshot() as db:
            rows = db.execute(_UNSETTLED).fetchall()
            holds = {
                path: None if stored is None else parse_held(stored)
                for path, stored in db.execute(_HELD)
            }
            decided = self.decisions({row["number"] for row in rows} - {None})
        marks = {row["path"]: row["mark"] for row in rows}
        lacking: list[tuple[sqlite3.Row, bool]] = []
        for row in _last_wanted(rows, decided):
            if row["state"] != State.DONE:
                continue
            decision = decided.get(row["number"])
            wanted = answer_fingerprint(row["identity"], decision.text if decision else None)
            held = holds.get(row["path"], {})
            if held is None or held.get(row["entry"]) != wanted:
                lacking.append((row, held is None))
                marks.pop(row["path"], None)
        self._settle(marks.values())
        lacking = [it for it in lacking if box in (None, it[0]["box"])]
        jobs = {job.number: job for job in self.jobs(row["number"] for row, _ in lacking)}
        return [
            Due(jobs[row["number"]], path_of(row["path"]), is_unknown)
            for row, is_unknown in lacking
            if row["number"] in jobs
        ]

    def _settle(self, marks: Collection[int]) -> None:
        """Let these files not be looked at again, unless something has happened to them meanwhile.

        A disk that is full does no harm: they are looked at once more.
        """
        if marks:
            with suppress(QueueError), self._transaction() as db:
                db.execute(f"DELETE FROM unsettled WHERE mark IN {EACH}", (array(marks),))  # noqa: S608

    def candidates_for(self, file: Path, entry: int) -> list[Job]:
        """Return the jobs whose results may be written to this entry of a file, oldest first."""
        return self.candidates_in(file, [entry])

    def candidates_in(self, file: Path, entries: Iterable[int]) -> list[Job]:
        """Return the jobs whose results may be written to these entries of a file, oldest first."""
        path = stored_path(file)
        return self._select(
            f"(choice = ? OR (destination = ? AND choice IS NULL)) AND entry IN {EACH}",
            path, path, array(entries),
        )  # fmt: skip

    def with_destination(self, destination: Path) -> list[Job]:
        """Return the jobs whose results go into one file, by entry: for each entry the one requested last.

        A job that is held for review, or has a file of its own, counts only once it is accepted, and as if it
        were requested then. A rejected job does not count.
        """
        path = stored_path(destination)
        jobs = self._select("destination = ? OR choice = ?", path, path)
        decided = self.decisions(job.number for job in jobs)
        last: dict[int, tuple[int, Job]] = {}
        for job in jobs:
            asked = wanted_since(job, destination, decided.get(job.number))
            if asked and asked > last.get(job.entry, (0, job))[0]:
                last[job.entry] = asked, job
        return [last[entry][1] for entry in sorted(last)]


_UNSETTLED = """
SELECT mark, path, number, box, destination, entry, asked, held, state, identity
FROM unsettled LEFT JOIN jobs ON destination = path OR choice = path
ORDER BY number
"""
"""SQL for the jobs whose results may belong in unsettled files, once for each file. A file without jobs has a
row without one."""

_HELD = """
SELECT path, holds FROM written WHERE pending IS NULL AND path IN (SELECT path FROM unsettled)
"""
"""SQL for the answers that unsettled files hold, except files that may have been left half written."""


def _last_wanted(rows: Iterable[sqlite3.Row], decided: Mapping[int, Decided]) -> list[sqlite3.Row]:
    """Return the row of the job that was wanted last for each entry of a file, as `with_destination` does."""
    last: dict[tuple[str | bytes, int], tuple[int, sqlite3.Row]] = {}
    for row in rows:
        if row["number"] is None:
            continue
        is_ordered = row["path"] == row["destination"] and not row["held"]
        since = _since(row["asked"], decided.get(row["number"]), is_ordered=is_ordered)
        place = row["path"], row["entry"]
        if since and since > last.get(place, (0, row))[0]:
            last[place] = since, row
    return [row for _, row in last.values()]
