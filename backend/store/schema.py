"""Defines the tables of the queue, and migrates those of earlier versions."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

SETTLE_ORIGINS = """
INSERT OR IGNORE INTO results (identity, box, answer, received)
SELECT results.identity, jobs.box, results.answer, results.received
FROM results JOIN jobs ON jobs.identity = results.identity
WHERE results.box = '' AND (jobs.state = 'done' OR
    (SELECT count(DISTINCT box) FROM jobs AS others WHERE others.identity = results.identity) = 1)
"""
"""SQL that gives an answer without a box to the boxes of the jobs that are done with it, or to the only box
that was asked."""

_JOB_CHANGED = """UPDATE OF state, identity, asked, held, destination, choice, entry ON jobs
WHEN NEW.state = 'done' OR NEW.asked <> OLD.asked OR NEW.held <> OLD.held OR NEW.entry <> OLD.entry
    OR NEW.destination <> OLD.destination OR NEW.choice IS NOT OLD.choice"""


def _marking(name: str, when: str, *paths: str) -> str:
    """Return the SQL of a trigger that marks files as unsettled, under a new number each.

    `paths` are queries of the files.
    """
    every = " UNION ".join(paths)
    return f"""
CREATE TRIGGER unsettled_{name} AFTER {when} BEGIN
    DELETE FROM unsettled WHERE path IN ({every});
    INSERT INTO unsettled (path) {every};
END;"""  # noqa: S608 - our own words


def _of_job(row: str) -> str:
    """Return a query of the files that a job's result may belong in."""
    return f"SELECT {row}.destination UNION SELECT {row}.choice WHERE {row}.choice IS NOT NULL"


def _of_decision(row: str) -> str:
    of_job = f"FROM jobs WHERE number = {row}.job"
    return f"SELECT destination {of_job} UNION SELECT choice {of_job} AND choice IS NOT NULL"


def _of_file(row: str) -> str:
    """Return a query of a written file, if results belong in it: its provenance has no mark."""
    return (
        f"SELECT {row}.path WHERE EXISTS (SELECT 1 FROM jobs "  # noqa: S608 - our own words
        f"WHERE destination = {row}.path OR choice = {row}.path)"
    )


STEPS = (
    # 1: the beginning.
    """
CREATE TABLE jobs (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    key         TEXT NOT NULL UNIQUE,
    box         TEXT NOT NULL,
    file        TEXT NOT NULL,
    entry       INTEGER NOT NULL,
    name        TEXT NOT NULL,
    prompt      TEXT NOT NULL,
    video       TEXT,
    candidate   INTEGER NOT NULL,
    seed        INTEGER NOT NULL,
    settings    TEXT NOT NULL,
    destination TEXT NOT NULL,
    state       TEXT NOT NULL,
    identity    TEXT,
    request     TEXT,
    estimate    INTEGER NOT NULL DEFAULT 0,
    error       TEXT NOT NULL DEFAULT '',
    attempts    INTEGER NOT NULL DEFAULT 0,
    asked       INTEGER NOT NULL,
    queued      REAL NOT NULL,
    changed     REAL NOT NULL
);
CREATE INDEX jobs_by_destination ON jobs (destination);
CREATE TABLE results (
    identity TEXT PRIMARY KEY,
    answer   TEXT NOT NULL,
    received REAL NOT NULL
);
CREATE TABLE seen (
    box     TEXT PRIMARY KEY,
    journal TEXT NOT NULL,
    seq     INTEGER NOT NULL
);
CREATE TABLE written (
    path   TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    source TEXT NOT NULL
);
""",
    # 2: jobs that look at two videos, and what the videos are.
    """
ALTER TABLE jobs ADD COLUMN control TEXT;
ALTER TABLE jobs ADD COLUMN media TEXT NOT NULL DEFAULT '';
""",
    # 3: requests to cancel, heeded by whoever works on the queue.
    """
CREATE TABLE cancels (
    job   INTEGER PRIMARY KEY,
    asked REAL NOT NULL
);
""",
    # 4: the order of what waits can be changed, and a job remembers its --force.
    """
ALTER TABLE jobs ADD COLUMN place REAL NOT NULL DEFAULT 0;
UPDATE jobs SET place = number;
ALTER TABLE jobs ADD COLUMN force INTEGER NOT NULL DEFAULT 0;
""",
    # 5: results that wait for a review, what was decided about them, and which files belong together.
    """
ALTER TABLE jobs ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN choice TEXT;
ALTER TABLE written ADD COLUMN result TEXT;
ALTER TABLE written ADD COLUMN replaced BLOB;
CREATE TABLE decisions (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    step     INTEGER NOT NULL,
    job      INTEGER NOT NULL,
    decision TEXT NOT NULL,
    text     TEXT,
    asked    INTEGER NOT NULL,
    time     REAL NOT NULL
);
CREATE INDEX decisions_by_job ON decisions (job);
""",
    # 6: how each attempt ended, requests to pause, and indexes for queues of 100,000 jobs.
    """
CREATE TABLE attempts (
    job     INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    began   REAL NOT NULL,
    ended   REAL,
    outcome TEXT NOT NULL DEFAULT '',
    error   TEXT NOT NULL DEFAULT ''
);
CREATE INDEX attempts_by_job ON attempts (job);
CREATE TABLE pauses (
    job   INTEGER PRIMARY KEY,
    asked REAL NOT NULL
);
CREATE INDEX jobs_by_choice ON jobs (choice) WHERE choice IS NOT NULL;
CREATE INDEX jobs_by_identity ON jobs (identity) WHERE identity IS NOT NULL;
CREATE INDEX jobs_by_asked ON jobs (asked);
CREATE INDEX jobs_unended ON jobs (place, number) WHERE state NOT IN ('done', 'failed', 'cancelled');
CREATE INDEX decisions_by_asked ON decisions (asked);
CREATE INDEX decisions_by_step ON decisions (step);
CREATE INDEX written_by_result ON written (result) WHERE result IS NOT NULL;
CREATE INDEX results_by_time ON results (received);
""",
    # 7: what a file is about to hold, noted before it does.
    """
ALTER TABLE written ADD COLUMN pending TEXT;
""",
    # 8: what changed since one looked last.
    """
CREATE INDEX jobs_by_change ON jobs (changed);
""",
    # 9: which answers a result's file holds. NULL: an earlier version wrote it, so nobody noted them.
    """
ALTER TABLE written ADD COLUMN holds TEXT;
""",
    # 10: which box gave an answer. Where that cannot be said any more, none did.
    f"""
ALTER TABLE results RENAME TO results_of_any_box;
CREATE TABLE results (
    identity TEXT NOT NULL,
    box      TEXT NOT NULL DEFAULT '',
    answer   TEXT NOT NULL,
    received REAL NOT NULL,
    PRIMARY KEY (identity, box)
);
INSERT INTO results (identity, answer, received)
    SELECT identity, answer, received FROM results_of_any_box;
DROP TABLE results_of_any_box;
CREATE INDEX results_by_time ON results (received);
{SETTLE_ORIGINS};
""",  # noqa: S608 - our own words
    # 11: what the process that works on the queue says of its boxes, and requests to try a box again.
    """
CREATE TABLE box_news (
    box    TEXT NOT NULL,
    kind   TEXT NOT NULL,
    event  TEXT NOT NULL,
    time   REAL NOT NULL,
    holder TEXT NOT NULL,
    PRIMARY KEY (box, kind)
);
CREATE TABLE tries (
    box   TEXT PRIMARY KEY,
    asked REAL NOT NULL
);
""",
    # 12: which model gave an answer. NULL: its job was cleared before anybody noted it.
    """
ALTER TABLE results ADD COLUMN model TEXT;
UPDATE results SET model = (
    SELECT json_extract(request, '$.model') FROM jobs
    WHERE jobs.identity = results.identity AND json_valid(request) LIMIT 1
);
""",
    # 13: files that may lack a result. Whoever finds that one lacks none removes it; see `Destinations.due`.
    f"""
CREATE TABLE unsettled (
    mark INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL UNIQUE
);
INSERT INTO unsettled (path)
    SELECT destination FROM jobs UNION SELECT choice FROM jobs WHERE choice IS NOT NULL;
{_marking("job_inserted", "INSERT ON jobs WHEN NEW.state = 'done'", _of_job("NEW"))}
{_marking("job_changed", _JOB_CHANGED, _of_job("OLD"), _of_job("NEW"))}
{_marking("job_deleted", "DELETE ON jobs", _of_job("OLD"))}
{_marking("decision_inserted", "INSERT ON decisions", _of_decision("NEW"))}
{_marking("decision_deleted", "DELETE ON decisions", _of_decision("OLD"))}
{_marking("file_inserted", "INSERT ON written", _of_file("NEW"))}
{_marking("file_changed", "UPDATE OF pending, holds ON written", _of_file("NEW"))}
{_marking("file_deleted", "DELETE ON written", _of_file("OLD"))}
""",  # noqa: S608 - our own words
    # 14: what a spec says of the video to be made, what follows from that, and answers that were wrong.
    """
ALTER TABLE jobs ADD COLUMN more_controls TEXT NOT NULL DEFAULT '[]';
ALTER TABLE jobs ADD COLUMN target TEXT NOT NULL DEFAULT '{}';
ALTER TABLE jobs ADD COLUMN generation TEXT;
ALTER TABLE jobs ADD COLUMN draws TEXT NOT NULL DEFAULT '[]';
""",
    # 15: what users think of results.
    """
CREATE TABLE ratings (
    job     INTEGER PRIMARY KEY,
    stars   INTEGER NOT NULL,
    note    TEXT NOT NULL,
    changed REAL NOT NULL
);
""",
    # 16: jobs of several boxes, and requests that a box may still answer though their jobs went to another.
    """
ALTER TABLE jobs ADD COLUMN fleet TEXT NOT NULL DEFAULT '';
CREATE INDEX jobs_untaken ON jobs (place, number) WHERE fleet <> '' AND state = 'queued';
CREATE TABLE left_behind (
    box      TEXT NOT NULL,
    identity TEXT NOT NULL,
    job      INTEGER NOT NULL,
    PRIMARY KEY (box, identity, job)
);
""",
    # 17: the request of each of these, as its box answers it.
    """
ALTER TABLE left_behind ADD COLUMN request TEXT;
""",
)
"""SQL that makes each version of the schema from the one before. New steps go at the end; none is changed."""

SCHEMA_VERSION = len(STEPS)


def version_of(db: sqlite3.Connection) -> int:
    """Return the version of the schema; 0 when there are no tables of upsample."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)


def upgrade(db: sqlite3.Connection) -> None:
    """Migrate the tables to the newest version. Call it within a transaction, so that all steps or none
    apply.
    """
    for step in STEPS[version_of(db) :]:
        # Not executescript, which would end the transaction.
        for statement in statements_of(step):
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def statements_of(step: str) -> Iterator[str]:
    """Return the statements of a step one by one. That of a trigger has others within."""
    statement = ""
    for part in step.split(";"):
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Run the block as one transaction: its changes are on the disk afterwards, all of them or none."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # SQLite ends the transaction itself when the disk is full
            db.execute("ROLLBACK")
        raise
