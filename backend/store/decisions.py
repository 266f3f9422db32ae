"""Stores the decisions about results, and removes those that the user undoes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import asdict

from backend.store.database import EACH, Database, array
from backend.store.decision import Decided, Decision
from backend.store.trouble import Damaged


class Decisions(Database):
    """The table of decisions. Decisions of one step were made together and are undone together."""

    def decisions(self, numbers: Iterable[int] | None = None) -> dict[int, Decided]:
        """Return the last decision about each of these jobs, or of all jobs, by job number.

        Undecided jobs are missing. A job that was rejected and then queued again is undecided.
        """
        among = "TRUE" if numbers is None else f"job IN {EACH}"
        with self._using() as db:
            rows = db.execute(
                "SELECT decisions.* FROM decisions JOIN jobs ON jobs.number = job "  # noqa: S608 - our own words
                f"WHERE {among} AND NOT (decision = '{Decision.REJECTED}' "
                "AND decisions.asked < jobs.asked) ORDER BY decisions.number",
                () if numbers is None else (array(numbers),),
            ).fetchall()
            return {row["job"]: _decided(row) for row in rows}

    def note_decision(
        self, job: int, decision: Decision, text: str | None = None, step: int | None = None
    ) -> Decided:
        """Store a decision about a job. Decisions with the same `step` are undone together; with None, this
        decision is a step of its own.
        """
        with self._transaction() as db:
            (last,) = db.execute("SELECT coalesce(max(step), 0) FROM decisions").fetchone()
            row = db.execute(
                "INSERT INTO decisions (step, job, decision, text, asked, time) "
                "VALUES (?, ?, ?, ?, ?, ?) RETURNING *",
                (step or last + 1, job, decision, text, self._last_asked() + 1, time.time()),
            ).fetchone()
        return _decided(row)

    def last_decisions(self) -> list[Decided]:
        """Return the decisions of the last step; empty when there are none."""
        with self._using() as db:
            rows = db.execute(
                "SELECT * FROM decisions WHERE step = (SELECT max(step) FROM decisions)"
            ).fetchall()
            return [_decided(row) for row in rows]

    def remove_decisions(self, decisions: Iterable[Decided]) -> None:
        """Remove these decisions from the table, as if they had never been made."""
        numbers = array(decided.number for decided in decisions)
        with self._transaction() as db:
            db.execute(f"DELETE FROM decisions WHERE number IN {EACH}", (numbers,))  # noqa: S608

    def restore_decisions(self, decisions: Iterable[Decided]) -> None:
        """Store decisions again that were removed."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO decisions VALUES (:number, :step, :job, :decision, :text, :asked, :time)",
                [asdict(decided) for decided in decisions],
            )


def _decided(row: sqlite3.Row) -> Decided:
    try:
        return Decided(**dict(row) | {"decision": Decision(row["decision"])})
    except ValueError as error:
        raise Damaged(f"decision {row['number']} is not as it was written: {error}") from error
