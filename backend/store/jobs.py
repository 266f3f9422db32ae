"""The jobs: which there are, in which order they wait, how each stands, and what is asked of them."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from backend.store.attempts import Attempt, attempts_at, begin_attempt, end_attempt, ensure_attempt
from backend.store.database import EACH, Database, array
from backend.store.job import Job, Order, State
from backend.store.paths import path_of, stored_path
from backend.store.trouble import Damaged
from remote.protocol import Answer

_COLUMNS = ", ".join(Job.__dataclass_fields__)
_ENDED = str(tuple(str(state) for state in State if state.ended))
_STOPPED = (State.FAILED, State.CANCELLED, State.PAUSED)
_PROGRESS = (State.PREPARING, State.SENT, State.RUNNING)
_TO_DO = (
    f"state NOT IN {_ENDED} AND box = coalesce(?, box) "  # noqa: S608 - our own words
    "AND (state != ? OR number IN (SELECT job FROM cancels))"
)
_UNPAUSED = str(tuple(str(state) for state in State if state.unsent and state is not State.PAUSED))


class Jobs(Database):
    """One row a job; one a request to cancel or to pause it; one an attempt at it."""

    def queue(self, jobs: Sequence[Order]) -> list[Job]:
        """Put jobs into the queue and return them as they stand there, in the same order.

        One that is there already stays as it is, unless it failed or was cancelled, or is asked to be,
        or is paused: then it is queued anew. They are sent in this order, after those that wait. Of
        several jobs for one place in a file, the one asked for last counts.
        """
        with self._transaction() as db:
            there = {row["key"]: row for row in _stands(db, [job.key for job in jobs])}
            for asked, job in enumerate(jobs, self._last_asked() + 1):
                if job.key not in there:
                    _insert(db, job, asked)
                    (there[job.key],) = _stands(db, [job.key])
                else:
                    self._queue_again(db, job, there[job.key], asked)
            queued = {job.key: job for job in self.jobs(row["number"] for row in there.values())}
            return [queued[job.key] for job in jobs]

    def _queue_again(
        self, db: sqlite3.Connection, job: Order, there: sqlite3.Row, asked: int
    ) -> None:
        number = there["number"]
        db.execute(
            "UPDATE jobs SET asked = ?, force = max(force, ?) WHERE number = ?",
            (asked, job.force, number),
        )
        withdrawn = _withdraw(db, number)
        if withdrawn or there["state"] in _STOPPED:
            self._change(
                "state = ?, error = '', place = ? WHERE number = ?", State.QUEUED, asked, number
            )

    def jobs(self, numbers: Iterable[int] | None = None) -> list[Job]:
        """The jobs with these numbers, or all, oldest first."""
        if numbers is None:
            return self._select("TRUE")
        return self._select(f"number IN {EACH}", array(numbers))

    def still_there(self, numbers: Iterable[int]) -> set[int]:
        """Those of these numbers whose jobs were not forgotten."""
        with self._using() as db:
            rows = db.execute(
                f"SELECT number FROM jobs WHERE number IN {EACH}",  # noqa: S608 - our own words
                (array(numbers),),
            ).fetchall()
        return {row["number"] for row in rows}

    def in_states(self, states: Iterable[State]) -> list[Job]:
        """The jobs that stand so, oldest first."""
        return self._select("state IN (SELECT value FROM json_each(?))", json.dumps(list(states)))

    def unended(self, box: str | None = None) -> list[Job]:
        """The jobs that are still to be done, on one box or on all, oldest first."""
        return self._select(f"state NOT IN {_ENDED} AND box = coalesce(?, box)", box)

    def to_do(
        self, box: str | None = None, *, but: Iterable[int] = (), most: int = -1
    ) -> list[Job]:
        """The unended jobs that are not paused, on one box or on all, in the order in which to send
        them. A paused one is among them when it is asked to be cancelled. Without those of these
        numbers; and at most so many, unless that is negative.
        """
        return self._select(
            f"{_TO_DO} AND number NOT IN {EACH}", box, State.PAUSED, array(but),
            order="place, number", most=most,
        )  # fmt: skip

    def changes_since(self, time: float) -> dict[int, tuple[float, State]]:
        """By number, in the order in which they changed: the jobs whose state did so at or after this Unix
        time, when, and to what.
        """
        with self._using() as db:
            rows = db.execute(
                "SELECT number, changed, state FROM jobs WHERE changed >= ? ORDER BY changed, number",
                (time,),
            ).fetchall()
        return {row["number"]: (row["changed"], State(row["state"])) for row in rows}

    def settings_to_do(self, box: str) -> list[str]:
        """The different `Job.settings` of `to_do`."""
        with self._using() as db:
            rows = db.execute(
                f"SELECT DISTINCT settings FROM jobs WHERE {_TO_DO}",  # noqa: S608 - our own words
                (box, State.PAUSED),
            ).fetchall()
        return [row["settings"] for row in rows]

    def boxes_with_work(self) -> list[str]:
        """The boxes that have unended jobs, by name."""
        with self._using() as db:
            rows = db.execute(
                f"SELECT DISTINCT box FROM jobs WHERE state NOT IN {_ENDED} ORDER BY box"  # noqa: S608
            ).fetchall()
        return [row["box"] for row in rows]

    def latest(self) -> list[tuple[Path, int, int, str, State]]:
        """Of every entry of every spec file that was ever queued: file, entry, and the number, prompt
        and state of its latest job.
        """
        with self._using() as db:
            # SQLite gives the row that has the maximum.
            rows = db.execute(
                "SELECT file, entry, max(number), prompt, state FROM jobs GROUP BY file, entry"
            ).fetchall()
        return [(path_of(row[0]), row[1], row[2], row[3], State(row[4])) for row in rows]

    def sent(self, box: str, identity: str) -> list[Job]:
        """The jobs that wait for a box to answer this request."""
        return self._select(
            "identity = ? AND box = ? AND state IN (?, ?)",
            identity, box, State.SENT, State.RUNNING,
        )  # fmt: skip

    def set_state(self, number: int, state: State, error: str = "") -> bool:
        """Note how a job stands now; returns whether it may stand so.

        What has ended or is paused makes no progress, unless it is queued again, and what runs has been
        sent. What ends need not be cancelled or paused any more, and its attempt ends with it.
        """
        with self._transaction() as db:
            return self._set_state(db, number, state, error)

    def back_to_queued(self, numbers: Iterable[int]) -> None:
        """Let those of these jobs wait again whose frames were drawn and that were not sent."""
        with self._transaction() as db:
            db.execute(
                f"UPDATE jobs SET state = ?, changed = ? WHERE state = ? AND number IN {EACH}",  # noqa: S608
                (State.QUEUED, time.time(), State.PREPARING, array(numbers)),
            )

    def begin_attempt(self, number: int, attempt: int, ended_before: str) -> None:
        """Note that the box works on a job, as the `attempt`th time; `ended_before` is why the attempt
        before that ended, empty when it is the first or nothing was said.
        """
        with self._transaction() as db:
            self._set_state(db, number, State.RUNNING)
            begin_attempt(db, number, attempt, ended_before)

    def finish(self, number: int, answer: Answer) -> None:
        """Note that a job is done, by this answer."""
        with self._transaction() as db:
            was_sent = db.execute(
                "SELECT 1 FROM jobs WHERE number = ? AND state IN (?, ?)",
                (number, State.SENT, State.RUNNING),
            ).fetchone()
            if was_sent:
                ensure_attempt(db, number, answer.attempt, max(0.0, answer.ended - answer.started))
            self._set_state(db, number, State.DONE)

    def attempts(self, numbers: Iterable[int]) -> dict[int, list[Attempt]]:
        """How often each of these jobs was tried, oldest first, and how that ended."""
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
        """Note where jobs stand among those that wait, by number."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE jobs SET place = ? WHERE number = ?",
                [(place, number) for number, place in places.items()],
            )

    def count_attempt(self, number: int) -> None:
        """Note that a job is being sent."""
        self._change("attempts = attempts + 1 WHERE number = ?", number)

    def ask_to_cancel(self, numbers: Iterable[int]) -> None:
        """Leave the request to cancel these jobs to whoever works on the queue, now or next.

        It stays until the job has ended or is queued again; jobs that have ended already get none.
        """
        with self._transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO cancels SELECT number, ? FROM jobs "  # noqa: S608 - our own words
                f"WHERE number IN {EACH} AND state NOT IN {_ENDED}",
                (time.time(), array(numbers)),
            )

    def asked_to_cancel(self) -> list[Job]:
        """The jobs that are asked to be cancelled and have not ended."""
        return self._select("number IN (SELECT job FROM cancels)")

    def ask_to_pause(self, numbers: Iterable[int]) -> None:
        """Leave the request to pause these jobs to whoever works on the queue now.

        It stays until the job is paused, has ended, is sent or is resumed. Only what is not sent gets one.
        """
        with self._transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO pauses SELECT number, ? FROM jobs "  # noqa: S608 - our own words
                f"WHERE number IN {EACH} AND state IN {_UNPAUSED}",
                (time.time(), array(numbers)),
            )

    def asked_to_pause(self) -> list[Job]:
        """The jobs that are asked to be paused."""
        return self._select("number IN (SELECT job FROM pauses)")

    def pause_unsent(self, numbers: Iterable[int]) -> list[Job]:
        """Pause those of these jobs that no box has, and answer every request to pause one of them.

        Returns the jobs that are paused by this call, as they were before.
        """
        numbers = list(numbers)
        with self._transaction() as db:
            waiting = self._select(f"number IN {EACH} AND state IN {_UNPAUSED}", array(numbers))
            for job in waiting:
                self._set_state(db, job.number, State.PAUSED)
            self.withdraw_pauses(numbers)
        return waiting

    def withdraw_pauses(self, numbers: Iterable[int]) -> None:
        """Nobody need pause these any more: they go on, or cannot be paused."""
        numbers = list(numbers)
        if not numbers:
            return
        with self._transaction() as db:
            db.execute(f"DELETE FROM pauses WHERE job IN {EACH}", (array(numbers),))  # noqa: S608

    def resume(self, numbers: Iterable[int]) -> list[Job]:
        """Let those of these jobs go on that are paused, or asked to be; returns them as they stand now."""
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
        """Where the jobs that have not ended stand among those that wait, by number."""
        with self._using() as db:
            rows = db.execute(f"SELECT number, place FROM jobs WHERE state NOT IN {_ENDED}")  # noqa: S608
            return {row["number"]: row["place"] for row in rows}

    def forget(self, numbers: Iterable[int]) -> None:
        """Remove jobs that have ended. Their answers stay, so that asking again costs nothing."""
        with self._transaction() as db:
            db.execute(
                f"DELETE FROM jobs WHERE number IN {EACH} AND state IN {_ENDED}",  # noqa: S608
                (array(numbers),),
            )
            for table in ("decisions", "attempts"):
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
                f"SELECT {_COLUMNS} FROM jobs WHERE {condition} ORDER BY {order} LIMIT ?",  # noqa: S608
                (*values, most),
            ).fetchall()
            return [_job(row) for row in rows]


def _insert(db: sqlite3.Connection, job: Order, asked: int) -> None:
    now = time.time()
    values = {name: getattr(job, name) for name in Order.__dataclass_fields__} | {
        "file": stored_path(job.file),
        "video": stored_path(job.video) if job.video else None,
        "control": stored_path(job.control) if job.control else None,
        "destination": stored_path(job.destination),
        "choice": stored_path(job.choice) if job.choice else None,
        "state": State.QUEUED,
        "place": asked,
        "asked": asked,
        "queued": now,
        "changed": now,
    }
    db.execute(
        f"INSERT INTO jobs ({', '.join(values)}) "  # noqa: S608 - our own names
        f"VALUES ({', '.join(f':{name}' for name in values)})",
        values,
    )


def _withdraw(db: sqlite3.Connection, number: int) -> bool:
    """Drop what is asked of a job; returns whether it was to be cancelled."""
    db.execute("DELETE FROM pauses WHERE job = ?", (number,))
    return db.execute("DELETE FROM cancels WHERE job = ?", (number,)).rowcount > 0


def _stands(db: sqlite3.Connection, keys: Sequence[str]) -> list[sqlite3.Row]:
    return db.execute(
        "SELECT key, number, state FROM jobs WHERE key IN (SELECT value FROM json_each(?))",
        (json.dumps(keys),),
    ).fetchall()


def _job(row: sqlite3.Row) -> Job:
    values = dict(row)
    try:
        for name in ("file", "destination"):
            values[name] = path_of(values[name])
        for name in ("video", "control", "choice"):
            if values[name] is not None:
                values[name] = path_of(values[name])
        for name in ("force", "held"):
            values[name] = bool(values[name])
        values["state"] = State(values["state"])
        values["settings"] = sys.intern(values["settings"])  # the same for thousands of jobs
        return Job(**values)
    except (TypeError, ValueError) as error:
        raise Damaged(f"job {row['number']} is not as it was written: {error}") from error
