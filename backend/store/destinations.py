"""Decides which results belong in which files."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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
        """
        with self._using() as db:
            rows = db.execute(
                "SELECT number, box, destination, choice, entry, asked, held, state, identity "
                "FROM jobs ORDER BY number"
            ).fetchall()
            holds = {
                path: None if stored is None else parse_held(stored)
                for path, stored in db.execute(
                    "SELECT path, holds FROM written WHERE pending IS NULL"
                )
            }
        decided = self.decisions()
        lacking: list[tuple[int, Path, bool]] = []
        for (path, entry), row in _last_wanted(rows, decided).items():
            if row["state"] != State.DONE or box not in (None, row["box"]):
                continue
            decision = decided.get(row["number"])
            wanted = answer_fingerprint(row["identity"], decision.text if decision else None)
            held = holds.get(path, {})
            if held is None or held.get(entry) != wanted:
                lacking.append((row["number"], path_of(path), held is None))
        jobs = {job.number: job for job in self.jobs(number for number, _, _ in lacking)}
        return [Due(jobs[n], file, unknown) for n, file, unknown in lacking if n in jobs]

    def candidates_for(self, file: Path, entry: int) -> list[Job]:
        """Return the jobs whose results may be written to this entry of a file, oldest first."""
        path = stored_path(file)
        return self._select(
            "(choice = ? OR (destination = ? AND choice IS NULL)) AND entry = ?", path, path, entry
        )

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


def _last_wanted(
    rows: list[sqlite3.Row], decided: Mapping[int, Decided]
) -> dict[tuple[str | bytes, int], sqlite3.Row]:
    """Return the row of the job that was wanted last for each entry of each file, as `with_destination` does.

    The files are named as they are stored.
    """
    last: dict[tuple[str | bytes, int], tuple[int, sqlite3.Row]] = {}
    for row in rows:
        own, choice = row["destination"], row["choice"]
        for path in (own,) if choice in (None, own) else (own, choice):
            is_ordered = path == own and not row["held"]
            since = _since(row["asked"], decided.get(row["number"]), is_ordered=is_ordered)
            if since and since > last.get((path, row["entry"]), (0, row))[0]:
                last[path, row["entry"]] = since, row
    return {place: row for place, (_, row) in last.items()}
