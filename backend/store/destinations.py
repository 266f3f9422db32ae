"""Which results belong into which files."""

from __future__ import annotations

from pathlib import Path

from backend.store.decision import Decided
from backend.store.decisions import Decisions
from backend.store.job import Job, State
from backend.store.jobs import Jobs
from backend.store.paths import stored_path


def wanted_since(job: Job, file: Path, decided: Decided | None) -> int | None:
    """When this result was last asked for, or accepted, in this file, as `Job.asked` counts; None when it
    does not belong there. `decided` is the last decision about it.
    """
    if decided is None:
        return job.asked if job.destination == file and not job.held else None
    return max(job.asked, decided.asked) if decided.decision.is_wanted else None


class Destinations(Jobs, Decisions):
    """Jobs and what was decided about them, looked at from their files."""

    def never_written(self, box: str | None = None) -> list[Job]:
        """The jobs that are done and whose destination we never wrote, as far as is known: we may have
        been killed over it. On one box or on all.

        What waits for a review or was rejected is not among them: nobody wants it written.
        """
        jobs = self._select(
            "state = ? AND box = coalesce(?, box) "
            "AND destination NOT IN (SELECT path FROM written WHERE pending IS NULL)",
            State.DONE, box,
        )  # fmt: skip
        decided = self.decisions()
        return [job for job in jobs if wanted_since(job, job.destination, decided.get(job.number))]

    def candidates_for(self, place: Path, entry: int) -> list[Job]:
        """The jobs whose results may come to stand in this place of a file, oldest first."""
        file = stored_path(place)
        return self._select(
            "(choice = ? OR (destination = ? AND choice IS NULL)) AND entry = ?", file, file, entry
        )

    def with_destination(self, destination: Path) -> list[Job]:
        """The jobs whose results go into one file, by entry; of each entry the one asked for last.

        What is held for review, and what has a file of its own, counts once it is accepted, and as if it
        were asked for then; what is rejected counts no more.
        """
        place = stored_path(destination)
        jobs = self._select("destination = ? OR choice = ?", place, place)
        decided = self.decisions(job.number for job in jobs)
        last: dict[int, tuple[int, Job]] = {}
        for job in jobs:
            asked = wanted_since(job, destination, decided.get(job.number))
            if asked and asked > last.get(job.entry, (0, job))[0]:
                last[job.entry] = asked, job
        return [last[entry][1] for entry in sorted(last)]
