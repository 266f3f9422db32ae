"""Lets the boxes of a fleet take the jobs that they share. A job that is taken belongs to one box."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable

from backend.store.database import EACH, array
from backend.store.job import Job, State
from backend.store.jobs import Jobs

_UNTAKEN = "fleet <> '' AND state = 'queued'"
"""SQL for the jobs that any box of their fleet may take. In these words, it has an index."""
_UNASKED = "number NOT IN (SELECT job FROM cancels UNION SELECT job FROM pauses)"
"""SQL for the jobs that nobody has asked to cancel or to pause."""

_MAY_TAKE = "instr(',' || fleet || ',', ',' || ? || ',')"
"""SQL for the jobs whose fleet has this box."""


class FleetJobs(Jobs):
    """Queries of the jobs that several boxes share."""

    def untaken(self) -> list[tuple[int, str, str]]:
        """Return the jobs that no box of their fleet has taken, in sending order.

        Each is a number, a fleet, and settings.
        """
        with self._using() as db:
            rows = db.execute(
                f"SELECT number, fleet, settings FROM jobs WHERE {_UNTAKEN} AND {_UNASKED} "  # noqa: S608
                "ORDER BY place, number"
            )
            return [(row["number"], row["fleet"], sys.intern(row["settings"])) for row in rows]

    def untaken_jobs(self) -> list[Job]:
        """Return the jobs that no box of their fleet has taken, in sending order."""
        return self._select(_UNTAKEN, order="place, number")

    def settings_untaken(self, box: str) -> list[str]:
        """Return the different `Job.settings` of the jobs that this box may take."""
        with self._using() as db:
            rows = db.execute(
                f"SELECT DISTINCT settings FROM jobs WHERE {_UNTAKEN} AND {_MAY_TAKE}",  # noqa: S608
                (box,),
            ).fetchall()
        return [row["settings"] for row in rows]

    def take(self, box: str, numbers: Iterable[int]) -> list[Job]:
        """Give those of these jobs to a box of their fleet that no box has taken; returns them.

        Of several boxes that take one job at the same time, in whichever processes, one gets it.
        """
        with self._transaction() as db:
            taken = db.execute(
                "UPDATE jobs SET box = ?, state = ?, changed = ? "  # noqa: S608 - our own words
                f"WHERE number IN {EACH} AND {_UNTAKEN} AND {_UNASKED} "
                f"AND {_MAY_TAKE} RETURNING number",
                (box, State.PREPARING, time.time(), array(numbers), box),
            ).fetchall()
            return self.jobs(row["number"] for row in taken)

    def give_back(self, numbers: Iterable[int]) -> None:
        """Let any box of their fleet take these jobs, which were taken and never came to their box."""
        with self._transaction() as db:
            db.execute(
                "UPDATE jobs SET state = ?, changed = ? "  # noqa: S608 - our own words
                f"WHERE fleet <> '' AND state = ? AND number IN {EACH}",
                (State.QUEUED, time.time(), State.PREPARING, array(numbers)),
            )

    def give_back_unsent(self) -> None:
        """Let any box take the jobs that a process had taken which was killed before it sent them."""
        with self._transaction() as db:
            db.execute(
                "UPDATE jobs SET state = ?, changed = ? WHERE fleet <> '' AND state = ? AND attempts = 0",
                (State.QUEUED, time.time(), State.PREPARING),
            )
