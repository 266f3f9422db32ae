"""The attempts at jobs: when each began, and what ended it. Within the transactions of the jobs."""

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
    """As the box counts, from 1; it begins anew when the job is queued again."""
    began: float
    """Unix time here, when that was heard of."""
    ended: float | None
    """The same; None while it goes on."""
    outcome: str
    """How the job stood after it: "done", "failed", "cancelled"; "again" when another attempt followed,
    "queued" when it was put back. Empty while it goes on."""
    error: str
    """Why it failed; empty otherwise, and where a box did not say it."""


AGAIN = "again"


def begin_attempt(db: sqlite3.Connection, job: int, number: int, ended_before: str) -> None:
    """An attempt begins, so the one before it has ended."""
    now = time.time()
    if _is_open(db, job, number):
        return  # told twice, before and after a link was made anew
    db.execute(
        "UPDATE attempts SET ended = ?, outcome = ?, error = ? WHERE job = ? AND ended IS NULL",
        (now, AGAIN, ended_before, job),
    )
    db.execute("INSERT INTO attempts (job, number, began) VALUES (?, ?, ?)", (job, number, now))


def end_attempt(db: sqlite3.Connection, job: int, state: State, error: str) -> None:
    """The job stands so now, so no attempt at it goes on."""
    db.execute(
        "UPDATE attempts SET ended = ?, outcome = ?, error = ? WHERE job = ? AND ended IS NULL",
        (time.time(), state, error, job),
    )


def ensure_attempt(db: sqlite3.Connection, job: int, number: int, seconds: float) -> None:
    """An attempt of this length ends now, and perhaps nobody here heard it begin."""
    if not _is_open(db, job, number):
        db.execute(
            "INSERT INTO attempts (job, number, began) VALUES (?, ?, ?)",
            (job, number, time.time() - seconds),
        )


def attempts_at(db: sqlite3.Connection, jobs: Iterable[int]) -> dict[int, list[Attempt]]:
    """All attempts at these jobs, by job, oldest first."""
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
