"""Stores the jobs, their states, their order in the queue, and requests to cancel or pause them."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from backend.store.attempts import Attempt, attempts_at, begin_attempt, end_attempt, ensure_attempt
from backend.store.database import EACH, Database, array
from backend.store.job import Draw, Job, Order, State
from backend.store.job_rows import COLUMNS, draws_column, insert_job, job_of
from backend.store.left_behind import give_to, note_left_behind
from backend.store.paths import path_of
from remote.protocol import Answer

_ENDED = str(tuple(str(state) for state in State if state.ended))
_STOPPED = (State.FAILED, State.CANCELLED, State.PAUSED)
_PROGRESS = (State.PREPARING, State.SENT, State.RUNNING)
_TO_DO = (
    f"state NOT IN {_ENDED} AND box = coalesce(?, box) "  # noqa: S608 - our own words
    "AND (state != ? OR number IN (SELECT job FROM cancels)) "
    "AND (?1 IS NULL OR fleet = '' OR state <> 'queued')"
)
_PAUSABLE = str(tuple(str(state) for state in State if state.waits and state is not State.PAUSED))
_UNPAUSED = str(tuple(str(state) for state in State if state.unsent and state is not State.PAUSED))


class Jobs(Database):
    """The tables of jobs, of requests to cancel and to pause them, and of attempts at them."""

    def queue(self, jobs: Sequence[Order]) -> list[Job]:
        """Put jobs into the queue and return them, in the same order.

        A job that is in the queue already is queued again when it failed, was cancelled, is paused, or has a
        cancel request; otherwise it stays as it is. The jobs are sent in this order, after those that wait.
        Of several jobs for one entry of a file, the result of the one that was queued last is written.
        """
        with self._transaction():
            numbers = self.queue_unread(jobs)
            queued = {job.number: job for job in self.jobs(set(numbers))}
            return [queued[number] for number in numbers]

    def queue_unread(self, jobs: Sequence[Order]) -> list[int]:
        """Put jobs into the queue as `queue` does, and return their numbers, in the same order."""
        with self._transaction() as db:
            found = _states_by_key(db, [job.key for job in jobs])
            for asked, job in enumerate(jobs, self._last_asked() + 1):
                if job.key in found:
                    self._queue_again(db, job, *found[job.key], asked)
                else:
                    found[job.key] = insert_job(db, job, asked), State.QUEUED
            return [found[job.key][0] for job in jobs]

    def _queue_again(
        self, db: sqlite3.Connection, job: Order, number: int, state: State, asked: int
    ) -> None:
        db.execute(
            "UPDATE jobs SET asked = ?, force = max(force, ?) WHERE number = ?",
            (asked, job.force, number),
        )
        withdrawn = _withdraw(db, number)
        if withdrawn or state in _STOPPED:
            self._change(
                "state = ?, error = '', place = ? WHERE number = ?", State.QUEUED, asked, number
            )

    def jobs(self, numbers: Iterable[int] | None = None) -> list[Job]:
        """Return the jobs with these numbers, or all jobs, oldest first."""
        if numbers is None:
            return self._select("TRUE")
        return self._select(f"number IN {EACH}", array(numbers))

    def existing(self, numbers: Iterable[int]) -> set[int]:
        """Return those of these numbers that jobs in the queue have."""
        with self._using() as db:
            rows = db.execute(
                f"SELECT number FROM jobs WHERE number IN {EACH}",  # noqa: S608 - our own words
                (array(numbers),),
            ).fetchall()
        return {row["number"] for row in rows}

    def in_states(self, states: Iterable[State]) -> list[Job]:
        """Return the jobs that are in one of these states, oldest first."""
        return self._select("state IN (SELECT value FROM json_each(?))", json.dumps(list(states)))

    def unended(self, box: str | None = None) -> list[Job]:
        """Return the jobs of one box, or of all, that have not ended, oldest first."""
        return self._select(f"state NOT IN {_ENDED} AND box = coalesce(?, box)", box)

    def to_do(
        self, box: str | None = None, *, but: Iterable[int] = (), most: int = -1
    ) -> list[Job]:
        """Return the jobs of one box, or of all, that have not ended and are not paused, in sending order.

        A paused job is included when it has a cancel request. A job of a fleet that no box has taken is no
        box's. The numbers in `but` are left out. At most `most` jobs are returned, unless that is negative.
        """
        return self._select(
            f"{_TO_DO} AND number NOT IN {EACH}", box, State.PAUSED, array(but),
            order="place, number", most=most,
        )  # fmt: skip

    def numbers_to_do(self, box: str) -> list[int]:
        """Return the numbers of the jobs that `to_do` returns for a box, in the same order."""
        with self._using() as db:
            rows = db.execute(
                f"SELECT number FROM jobs WHERE {_TO_DO} ORDER BY place, number",  # noqa: S608
                (box, State.PAUSED),
            ).fetchall()
        return [row["number"] for row in rows]

    def changes_since(self, time: float) -> dict[int, tuple[float, State]]:
        """Return the jobs whose state changed at or after this Unix time, in the order of their changes.

        The dictionary maps a job's number to the time of its last change and to its state.
        """
        with self._using() as db:
            rows = db.execute(
                "SELECT number, changed, state FROM jobs WHERE changed >= ? ORDER BY changed, number",
                (time,),
            ).fetchall()
        return {row["number"]: (row["changed"], State(row["state"])) for row in rows}

    def settings_to_do(self, box: str) -> list[str]:
        """Return the different `Job.settings` of the jobs that `to_do` returns."""
        with self._using() as db:
            rows = db.execute(
                f"SELECT DISTINCT settings FROM jobs WHERE {_TO_DO}",  # noqa: S608 - our own words
                (box, State.PAUSED),
            ).fetchall()
        return [row["settings"] for row in rows]

    def has_held(self) -> bool:
        """Return whether there is a job that is done and held for review, decided or not."""
        with self._using() as db:
            found = db.execute(
                "SELECT 1 FROM jobs WHERE held AND state = ? LIMIT 1", (State.DONE,)
            ).fetchone()
        return found is not None

    def boxes_with_work(self) -> list[str]:
        """Return the names of the boxes that have jobs which have not ended, or may take such jobs."""
        with self._using() as db:
            rows = db.execute(
                "SELECT DISTINCT box, CASE state WHEN 'queued' THEN fleet ELSE '' END AS fleet "  # noqa: S608
                f"FROM jobs WHERE state NOT IN {_ENDED}"
            ).fetchall()
        return sorted({box for row in rows for box in (row["fleet"] or row["box"]).split(",")})

    def latest(self) -> list[tuple[Path, int, int, str, State]]:
        """Return the latest job of each entry of each spec file: file, entry, and the job's number, prompt
        and state.
        """
        with self._using() as db:
            # With max() in the SELECT, SQLite takes the other columns from the row that has the maximum.
            rows = db.execute(
                "SELECT file, entry, max(number), prompt, state FROM jobs GROUP BY file, entry"
            ).fetchall()
        return [(path_of(row[0]), row[1], row[2], row[3], State(row[4])) for row in rows]

    def sent(self, box: str, identity: str) -> list[Job]:
        """Return the jobs that wait for this box to answer this request."""
        return self._select(
            "identity = ? AND box = ? AND state IN (?, ?)",
            identity, box, State.SENT, State.RUNNING,
        )  # fmt: skip

    def set_state(self, number: int, state: State, error: str = "") -> bool:
        """Change the state of a job; returns whether the job's present state allows it.

        A job that has ended or is paused must be queued again before it can be prepared, sent or run, and a
        running job does not become sent. A job that ends loses its cancel and pause requests, and its attempt
        ends with it.
        """
        with self._transaction() as db:
            return self._set_state(db, number, state, error)

    def back_to_queued(self, numbers: Iterable[int]) -> None:
        """Put those of these jobs back into the queue that are preparing.

        A job of a fleet which was sent stays with its box, which may have it.
        """
        with self._transaction() as db:
            db.execute(
                "UPDATE jobs SET state = ?, changed = ? "  # noqa: S608 - our own words
                f"WHERE state = ? AND (fleet = '' OR attempts = 0) AND number IN {EACH}",
                (State.QUEUED, time.time(), State.PREPARING, array(numbers)),
            )

    def begin_attempt(self, number: int, attempt: int, ended_before: str) -> None:
        """Store that the box has begun an attempt at a job, and that the job is running.

        `attempt` counts from 1. `ended_before` says why the attempt before it failed; it is empty at the
        first attempt, or when the box did not say why.
        """
        with self._transaction() as db:
            self._set_state(db, number, State.RUNNING)
            begin_attempt(db, number, attempt, ended_before)

    def finish(self, number: int, answer: Answer, box: str = "", identity: str = "") -> bool:
        """Store that a job is done with this answer, and the end of its attempt.

        `box` has given it to the request with this identity; where they are empty, it is the job's own
        request. The first answer counts: when the job is done with that of another box, nothing changes, and
        False is returned.
        """
        with self._transaction() as db:
            row = db.execute(
                "SELECT state, box, identity FROM jobs WHERE number = ?", (number,)
            ).fetchone()
            if row and box and (row["box"], row["identity"]) != (box, identity):
                if row["state"] == State.DONE:
                    return False
                if row["identity"]:  # the box that has the job now may answer it, too
                    note_left_behind(db, row["box"], row["identity"], number)
                give_to(db, number, box, identity)
            if row and State(row["state"]).on_box:
                ensure_attempt(db, number, answer.attempt, max(0.0, answer.ended - answer.started))
            self._set_state(db, number, State.DONE)
            return True

    def note_draw(self, job: Job, draw: Draw, *, again: bool) -> None:
        """Store that an answer to a job was not as it must be; with `again`, the job waits for another one.

        Nothing changes if the draw is stored already.
        """
        with self._transaction() as db:
            is_new = db.execute(
                "UPDATE jobs SET draws = ? WHERE number = ? AND json_array_length(draws) = ?",
                (draws_column((*job.draws, draw)), job.number, len(job.draws)),
            ).rowcount
            if is_new and again:
                # The box that drew draws again: to no other one is this job free.
                state = State.PREPARING if job.fleet else State.QUEUED
                self._set_state(db, job.number, state)

    def attempts(self, numbers: Iterable[int]) -> dict[int, list[Attempt]]:
        """Return the attempts at each of these jobs, oldest first."""
        with self._using() as db:
            return attempts_at(db, numbers)

    def _set_state(
        self, db: sqlite3.Connection, number: int, state: State, error: str = ""
    ) -> bool:
        stays = f"state NOT IN {_ENDED} AND state <> '{State.PAUSED}'"
        condition = stays if state in _PROGRESS else "TRUE"
        if state is State.SENT:
            condition += f" AND state <> '{State.RUNNING}'"
        changed = self._change(
            f"state = ?, error = ? WHERE number = ? AND {condition}", state, error, number
        )
        if state.ended:
            _withdraw(db, number)
        elif state is State.PAUSED:
            db.execute("DELETE FROM pauses WHERE job = ?", (number,))
        if changed and state not in _PROGRESS:
            end_attempt(db, number, state, error)
        return changed

    def set_places(self, places: Mapping[int, float]) -> None:
        """Store new places of jobs in the queue, by number."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE jobs SET place = ? WHERE number = ?",
                [(place, number) for number, place in places.items()],
            )

    def count_attempt(self, number: int) -> None:
        """Count that a job is being sent once more."""
        self._change("attempts = attempts + 1 WHERE number = ?", number)

    def ask_to_cancel(self, numbers: Iterable[int]) -> None:
        """Store a cancel request for each of these jobs that has not ended.

        The process that runs the queue, now or later, applies it. A request stays until its job has ended or
        is queued again.
        """
        with self._transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO cancels SELECT number, ? FROM jobs "  # noqa: S608 - our own words
                f"WHERE number IN {EACH} AND state NOT IN {_ENDED}",
                (time.time(), array(numbers)),
            )

    def asked_to_cancel(self) -> list[Job]:
        """Return the jobs that have a cancel request; none of them has ended."""
        return self._select("number IN (SELECT job FROM cancels)")

    def ask_to_pause(self, numbers: Iterable[int]) -> None:
        """Store a pause request for each of these jobs that waits.

        The process that runs the queue applies it. A request stays until its job is paused, has ended, is
        resumed, or cannot be paused any more.
        """
        with self._transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO pauses SELECT number, ? FROM jobs "  # noqa: S608 - our own words
                f"WHERE number IN {EACH} AND state IN {_PAUSABLE}",
                (time.time(), array(numbers)),
            )

    def asked_to_pause(self) -> list[Job]:
        """Return the jobs that have a pause request."""
        return self._select("number IN (SELECT job FROM pauses)")

    def pause_unsent(self, numbers: Iterable[int]) -> list[Job]:
        """Pause those of these jobs that no box has, and remove all pause requests of these jobs.

        Returns the jobs that this call has paused, in their states before it.
        """
        numbers = list(numbers)
        with self._transaction() as db:
            waiting = self._select(f"number IN {EACH} AND state IN {_UNPAUSED}", array(numbers))
            for job in waiting:
                self._set_state(db, job.number, State.PAUSED)
            self.withdraw_pauses(numbers)
        return waiting

    def withdraw_pauses(self, numbers: Iterable[int]) -> None:
        """Remove the pause requests of these jobs, because they go on or cannot be paused."""
        numbers = list(numbers)
        if not numbers:
            return
        with self._transaction() as db:
            db.execute(f"DELETE FROM pauses WHERE job IN {EACH}", (array(numbers),))  # noqa: S608

    def resume(self, numbers: Iterable[int]) -> list[Job]:
        """Resume those of these jobs that are paused or have a pause request; returns them in new states."""
        numbers = list(numbers)
        with self._transaction() as db:
            paused = self._select(
                f"number IN {EACH} AND (state = ? OR number IN (SELECT job FROM pauses))",  # noqa: S608
                array(numbers), State.PAUSED,
            )  # fmt: skip
            for job in paused:
                db.execute("DELETE FROM pauses WHERE job = ?", (job.number,))
                if job.state is State.PAUSED:
                    self._set_state(db, job.number, State.QUEUED)
            return self.jobs(job.number for job in paused)

    def places(self) -> dict[int, float]:
        """Return the places in the queue of all jobs that have not ended, by number."""
        with self._using() as db:
            rows = db.execute(f"SELECT number, place FROM jobs WHERE state NOT IN {_ENDED}")  # noqa: S608
            return {row["number"]: row["place"] for row in rows}

    def forget(self, numbers: Iterable[int]) -> None:
        """Remove those of these jobs that have ended. Their answers stay for when they are queued again."""
        with self._transaction() as db:
            db.execute(
                f"DELETE FROM jobs WHERE number IN {EACH} AND state IN {_ENDED}",  # noqa: S608
                (array(numbers),),
            )
            for table in ("decisions", "attempts", "ratings", "left_behind"):
                db.execute(f"DELETE FROM {table} WHERE job NOT IN (SELECT number FROM jobs)")  # noqa: S608

    def _change(self, assignments: str, *values: object) -> bool:
        with self._using() as db:
            changed = db.execute(
                f"UPDATE jobs SET changed = ?, {assignments}",  # noqa: S608 - our own words
                (time.time(), *values),
            )
        return changed.rowcount > 0

    def _select(
        self, condition: str, *values: object, order: str = "number", most: int = -1
    ) -> list[Job]:
        with self._using() as db:
            rows = db.execute(
                f"SELECT {COLUMNS} FROM jobs WHERE {condition} ORDER BY {order} LIMIT ?",  # noqa: S608
                (*values, most),
            ).fetchall()
            return [job_of(row) for row in rows]


def _withdraw(db: sqlite3.Connection, number: int) -> bool:
    """Remove the requests to pause and to cancel a job; returns whether it had a cancel request."""
    db.execute("DELETE FROM pauses WHERE job = ?", (number,))
    return db.execute("DELETE FROM cancels WHERE job = ?", (number,)).rowcount > 0


def _states_by_key(db: sqlite3.Connection, keys: Sequence[str]) -> dict[str, tuple[int, State]]:
    """Return the number and the state of each job that has one of these keys."""
    rows = db.execute(
        "SELECT key, number, state FROM jobs WHERE key IN (SELECT value FROM json_each(?))",
        (json.dumps(keys),),
    ).fetchall()
    return {row["key"]: (row["number"], State(row["state"])) for row in rows}
