"""Decides which results belong in which files."""

from __future__ import annotations

from pathlib import Path

from backend.store.decision import Decided
from backend.store.decisions import Decisions
from backend.store.job import Job, State
from backend.store.jobs import Jobs
from backend.store.paths import stored_path


def wanted_since(job: Job, file: Path, decided: Decided | None) -> int | None:
    """Return when this result was last requested or accepted for this file, as a number of `Job.asked`.

    Returns None when the result does not belong in the file. `decided` is the last decision about the job.
    """
    if decided is None:
        return job.asked if job.destination == file and not job.held else None
    return max(job.asked, decided.asked) if decided.decision.is_wanted else None


class Destinations(Jobs, Decisions):
    """Queries of jobs and decisions by the file that the results go to."""

    def never_written(self, box: str | None = None) -> list[Job]:
        """Return the done jobs, of one box or of all, whose destination was never written, as far as we know.

        A process may have been killed before it wrote the file. Jobs that wait for a review or were rejected
        are not included, because their results are not to be written.
        """
        jobs = self._select(
            "state = ? AND box = coalesce(?, box) "
            "AND destination NOT IN (SELECT path FROM written WHERE pending IS NULL)",
            State.DONE, box,
        )  # fmt: skip
        decided = self.decisions()
        return [job for job in jobs if wanted_since(job, job.destination, decided.get(job.number))]

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
