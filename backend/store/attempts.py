"""Stores the attempts at jobs: when each began and how it ended. Called within transactions of `jobs`."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass

from backend.store.database import EACH, array
from backend.store.job import State


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a job on a box."""

    number: int
    """The box's count, from 1; it starts at 1 again when the job is queued again."""
    began: float
    """Unix time, by this machine's clock, at which we heard that the attempt began."""
    ended: float | None
    """Unix time at which we heard that it ended; None while it runs."""
    outcome: str
    """The job's state after it: "done", "failed" or "cancelled"; "again" when another attempt followed,
    "queued" when the job was put back into the queue. Empty while it runs."""
    error: str
    """Why it failed; empty when it did not, or when the box did not say why."""


AGAIN = "again"
"""The outcome of an attempt that another one followed."""
MOST_ATTEMPTS = 100
"""The newest attempts at a job that are kept. A job seldom has ten; only a box that lies tells of more."""


def begin_attempt(db: sqlite3.Connection, job: int, number: int, ended_before: str) -> None:
    """Store the beginning of an attempt, and the end of the attempt before it."""
    now = time.time()
    if _is_open(db, job, number):
        return  # reported twice, before and after a reconnect
    db.execute(
        "UPDATE attempts SET ended = ?, outcome = ?, error = ? WHERE job = ? AND ended IS NULL",
        (now, AGAIN, ended_before, job),
    )
    db.execute("INSERT INTO attempts (job, number, began) VALUES (?, ?, ?)", (job, number, now))
    db.execute(
        "DELETE FROM attempts WHERE rowid IN "
        "(SELECT rowid FROM attempts WHERE job = ? ORDER BY rowid DESC LIMIT -1 OFFSET ?)",
        (job, MOST_ATTEMPTS),
    )


def end_attempt(db: sqlite3.Connection, job: int, state: State, error: str) -> None:
    """Store that the job's attempt has ended, because the job has this state now."""
    db.execute(
        "UPDATE attempts SET ended = ?, outcome = ?, error = ? WHERE job = ? AND ended IS NULL",
        (time.time(), state, error, job),
    )


def ensure_attempt(db: sqlite3.Connection, job: int, number: int, seconds: float) -> None:
    """Store an attempt that ends now and took `seconds`, unless its beginning is stored already."""
    if not _is_open(db, job, number):
        db.execute(
            "INSERT INTO attempts (job, number, began) VALUES (?, ?, ?)",
            (job, number, time.time() - seconds),
        )


def attempts_at(db: sqlite3.Connection, jobs: Iterable[int]) -> dict[int, list[Attempt]]:
    """Return all attempts at these jobs, by job number, oldest first."""
    found: dict[int, list[Attempt]] = {}
    rows = db.execute(
        f"SELECT * FROM attempts WHERE job IN {EACH} ORDER BY rowid",  # noqa: S608 - our own words
        (array(jobs),),
    )
    for row in rows:
        values = dict(row)
        found.setdefault(values.pop("job"), []).append(Attempt(**values))
    return found


def _is_open(db: sqlite3.Connection, job: int, number: int) -> bool:
    return bool(
        db.execute(
            "SELECT 1 FROM attempts WHERE job = ? AND number = ? AND ended IS NULL", (job, number)
        ).fetchone()
    )
