"""Lets the boxes of a fleet take the jobs that they share, and users give jobs to another box.

A job that is taken belongs to one box. When it is given to another one, the first box may answer all the
same: what it was asked is kept as left behind, until it has ended that.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import fields

from backend.store.database import EACH, array
from backend.store.job import Job, Order, State
from backend.store.job_rows import generation_column
from backend.store.jobs import Jobs
from backend.store.left_behind import note_left_behind

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

    def has_fleet_jobs(self, numbers: Iterable[int]) -> bool:
        """Return whether one of these jobs is a fleet's."""
        with self._using() as db:
            found = db.execute(
                f"SELECT 1 FROM jobs WHERE fleet <> '' AND number IN {EACH} LIMIT 1",  # noqa: S608
                (array(numbers),),
            ).fetchone()
        return found is not None

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

    # --- another box ---

    def had_by(self, box: str) -> list[Job]:
        """Return the jobs that this box has, or is to have, and that have not ended, oldest first."""
        return [job for job in self.unended(box) if not job.is_untaken]

    def reassign(self, numbers: Iterable[int], box: str) -> list[Job]:
        """Give those of these jobs to a box that have not ended and are not its own. Returns them as they
        were. The first answer counts, whichever box gives it.
        """
        with self._transaction() as db:
            given = [
                job
                for job in self.jobs(numbers)
                if not job.state.ended and (job.box != box or job.is_untaken)
            ]
            for job in given:
                if not job.is_untaken:
                    # Without an identity it only tells the run on the old box to let go of the job.
                    is_there = job.state.on_box or (job.attempts and job.state is not State.PAUSED)
                    note_left_behind(db, job.box, (is_there and job.identity) or "", job.number)
                db.execute(
                    "UPDATE jobs SET box = ?, fleet = '', identity = NULL WHERE number = ?",
                    (box, job.number),
                )
                state = State.PAUSED if job.state is State.PAUSED else State.QUEUED
                self._set_state(db, job.number, state)
        return given

    def note_left_behind(self, box: str, identity: str, number: int) -> None:
        """Store that a box may answer this request, whose job another box has now."""
        with self._transaction() as db:
            note_left_behind(db, box, identity, number)

    def left_behind(self, box: str) -> list[tuple[str, int]]:
        """Return what was left behind on a box: the identity of each request and its job's number.

        An identity is empty where the box was not asked for the job.
        """
        with self._using() as db:
            rows = db.execute(
                "SELECT identity, job FROM left_behind WHERE box = ? ORDER BY job", (box,)
            ).fetchall()
        return [(row["identity"], row["job"]) for row in rows]

    def forget_left_behind(self, box: str, identity: str) -> None:
        """Remove a request that the box has ended, or all that it was not asked."""
        with self._transaction() as db:
            db.execute("DELETE FROM left_behind WHERE box = ? AND identity = ?", (box, identity))

    def keep_second_answer(self, number: int, box: str, identity: str) -> int | None:
        """Keep the stored answer of a second box to a job as a candidate for a review.

        Returns the number of the candidate; None when the job is gone, or has this very answer.
        """
        with self._transaction() as db:
            found = self.jobs([number])
            if not found or (found[0].box, found[0].identity) == (box, identity):
                return None
            job = found[0]
            same = json.dumps(["answered by another box", job.key, box, identity])
            order = Order(
                **{each.name: getattr(job, each.name) for each in fields(Order)}
                | {
                    "key": hashlib.sha256(same.encode()).hexdigest(),
                    "box": box,
                    "fleet": "",
                    "destination": job.choice or job.destination,
                    "choice": None,
                    "held": True,
                }
            )
            (kept,) = self.queue([order])
            db.execute(
                "UPDATE jobs SET identity = ?, generation = ?, request = coalesce("
                "(SELECT request FROM left_behind WHERE box = ? AND identity = ? AND job = ?), "
                "(SELECT request FROM jobs WHERE number = ?)) WHERE number = ?",
                (
                    identity,
                    job.generation and generation_column(job.generation),
                    *(box, identity, number),
                    *(number, kept.number),
                ),
            )
            self._set_state(db, kept.number, State.DONE)
            return kept.number
