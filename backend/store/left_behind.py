"""Stores which requests a box may still answer although their jobs belong to another box now.

Called within transactions of `jobs` and `fleet_jobs`.
"""

from __future__ import annotations

import sqlite3


def note_left_behind(db: sqlite3.Connection, box: str, identity: str, job: int) -> None:
    """Store a request of a job that stays with this box. It must still be the job's own."""
    db.execute(
        "INSERT OR IGNORE INTO left_behind (box, identity, job, request) "
        "SELECT ?, ?, number, request FROM jobs WHERE number = ?",
        (box, identity, job),
    )


def give_to(db: sqlite3.Connection, job: int, box: str, identity: str) -> None:
    """Make a job the one of this box, with the request that was left behind there."""
    db.execute(
        "UPDATE jobs SET box = ?, identity = ?, request = coalesce("
        "(SELECT request FROM left_behind WHERE box = ? AND identity = ? AND job = number), request) "
        "WHERE number = ?",
        (box, identity, box, identity, job),
    )
