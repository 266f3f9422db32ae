"""The local queue: which jobs there are, how each stands, and what came back. One SQLite file.

A job is one prompt to be upsampled once. It is queued before its frames are drawn, so it has a number
at once, and its identity (the hash that box and app know it by) only when its request is made. Two jobs
can turn out to have one identity: they are answered by one result.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

import platformdirs

from backend.decisions import Decided, Decision
from backend.errors import QueueError
from remote.protocol import Answer, Request, parse

_STEPS = (
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
)
"""What makes each version of the schema of the one before. A new step goes to the end; none ever changes."""

SCHEMA_VERSION = len(_STEPS)

_WAL_TRIES = 100


class State(StrEnum):
    """How a job stands. The names are pueue's where it has them."""

    QUEUED = "queued"
    PAUSED = "paused"
    """It waits until the user lets it go on; nothing of it was sent."""
    PREPARING = "preparing"
    """Its frames are being drawn, or it waits to be sent."""
    SENT = "sent"
    """On the box's disk; it will be done there even if this app never comes back."""
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Nothing more happens to it unless it is queued again."""
        return self in (State.DONE, State.FAILED, State.CANCELLED)

    @property
    def unsent(self) -> bool:
        """No box knows of it yet, so it can be paused and moved."""
        return self in (State.QUEUED, State.PREPARING, State.PAUSED)


@dataclass(frozen=True, slots=True)
class Order:
    """What is known of a job when it is queued."""

    key: str
    """Equal for equal orders, so that queueing one again finds the job that is there."""
    box: str
    file: Path
    """The spec's file, absolute."""
    entry: int
    name: str
    prompt: str
    video: Path | None
    """Absolute; None for a prompt without one."""
    candidate: int
    seed: int
    settings: str
    """`Upsampling` as JSON."""
    destination: Path
    """The file that the result goes to, absolute."""
    control: Path | None = field(default=None, kw_only=True)
    """A second video, shown after the first one; absolute."""
    media: str = field(default="", kw_only=True)
    """What the videos are: "rgb", "edge", "rgb+edge"; empty for none, and in queues of earlier versions."""
    force: bool = field(default=False, kw_only=True)
    """Whether the result may replace a file that somebody else made."""
    held: bool = field(default=False, kw_only=True)
    """Whether its result waits for a review; else it is written as soon as it is there."""
    choice: Path | None = field(default=None, kw_only=True)
    """The file for the one that is chosen, where each candidate has a file of its own; absolute."""


@dataclass(frozen=True, slots=True)
class Job(Order):
    """A job of the queue."""

    number: int
    state: State
    identity: str | None
    """The request's hash; None until its frames are drawn."""
    estimate: int
    """Prompt tokens by our count; 0 until its request is made."""
    error: str
    """Why it failed; empty otherwise."""
    attempts: int
    """How often it was sent."""
    queued: float
    """Unix time."""
    changed: float
    """Unix time of the last change of state."""
    place: float = field(default=0.0, kw_only=True)
    """Where it stands among the jobs that wait: the one with the smallest is sent first."""
    asked: int = field(default=0, kw_only=True)
    """Counts up with every job that is asked for and every decision: of several, the last one counts."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file that we wrote."""

    sha256: str
    """Of its bytes when we left it."""
    source: Path
    """The spec file whose result it holds."""
    result: Path | None = None
    """The result's main file, to which this one belongs; None in queues of earlier versions."""
    replaced: bytes | None = None
    """What somebody else had there before, where we were told to replace it."""


def wanted_since(job: Job, file: Path, decided: Decided | None) -> int | None:
    """When this result was last asked for, or accepted, in this file, as `Job.asked` counts; None when it
    does not belong there. `decided` is the last decision about it.
    """
    if decided is None:
        return job.asked if job.destination == file and not job.held else None
    return max(job.asked, decided.asked) if decided.decision.is_wanted else None


_NEWEST_ANSWERS = 200
"""That are looked at to know how long an answer takes."""
_COLUMNS = ", ".join(Job.__dataclass_fields__)
_ENDED = str(tuple(str(state) for state in State if state.ended))
_STOPPED = (State.FAILED, State.CANCELLED, State.PAUSED)
_PROGRESS = (State.PREPARING, State.SENT, State.RUNNING)
_EACH = "(SELECT value FROM json_each(?))"
"""Of a list of numbers, which SQLite takes only as JSON."""


def default_path() -> Path:
    """Where the queue is kept."""
    return platformdirs.user_data_path("upsample") / "queue.db"


class Store:
    """The open queue. Every method blocks for about a millisecond; threads may share it.

    Raises QueueError where the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.row_factory = sqlite3.Row
        except (OSError, sqlite3.Error) as error:
            raise _unusable(path, error) from error
        try:
            self._migrate()
            self._use_wal()
            # FULL: a job that was told to be queued is on the disk.
            self._db.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error as error:
            self._db.close()
            raise _unusable(path, error) from error
        except QueueError:
            self._db.close()
            raise

    def close(self) -> None:
        self._db.close()

    def queue(self, jobs: Sequence[Order]) -> list[Job]:
        """Put jobs into the queue and return them as they stand there, in the same order.

        One that is there already stays as it is, unless it failed or was cancelled, or is asked to be,
        or is paused: then it is queued anew. They are sent in this order, after those that wait. Of
        several jobs for one place in a file, the one asked for last counts.
        """
        with self._transaction():
            for asked, job in enumerate(jobs, self._last_asked() + 1):
                there = self._select("key = ?", job.key)
                if not there:
                    self._insert(job, asked)
                    continue
                number = there[0].number
                self._db.execute(
                    "UPDATE jobs SET asked = ?, force = ? WHERE number = ?",
                    (asked, job.force or there[0].force, number),
                )
                withdrawn = self._db.execute(
                    "DELETE FROM cancels WHERE job = ?", (number,)
                ).rowcount
                if withdrawn or there[0].state in _STOPPED:
                    self._change(
                        "state = ?, error = '', place = ? WHERE number = ?",
                        State.QUEUED, asked, number,
                    )  # fmt: skip
            return [self._select("key = ?", job.key)[0] for job in jobs]

    def jobs(self, numbers: Iterable[int] | None = None) -> list[Job]:
        """The jobs with these numbers, or all, oldest first."""
        if numbers is None:
            return self._select("TRUE")
        return self._select(f"number IN {_EACH}", _array(numbers))

    def unended(self, box: str | None = None) -> list[Job]:
        """The jobs that are still to be done, on one box or on all, oldest first."""
        return self._select(f"state NOT IN {_ENDED} AND box = coalesce(?, box)", box)

    def to_do(self, box: str | None = None) -> list[Job]:
        """The unended jobs that are not paused, on one box or on all, in the order in which to send
        them. A paused one is among them when it is asked to be cancelled.
        """
        return self._select(
            f"state NOT IN {_ENDED} AND box = coalesce(?, box) "  # noqa: S608 - our own words
            "AND (state != ? OR number IN (SELECT job FROM cancels))",
            box, State.PAUSED, order="place, number",
        )  # fmt: skip

    def sent(self, box: str, identity: str) -> list[Job]:
        """The jobs that wait for a box to answer this request."""
        return self._select(
            "identity = ? AND box = ? AND state IN (?, ?)",
            identity, box, State.SENT, State.RUNNING,
        )  # fmt: skip

    def never_written(self, box: str | None = None) -> list[Job]:
        """The jobs that are done and whose destination we never wrote, on one box or on all.

        What waits for a review or was rejected is not among them: nobody wants it written.
        """
        jobs = self._select(
            "state = ? AND box = coalesce(?, box) AND destination NOT IN (SELECT path FROM written)",
            State.DONE, box,
        )  # fmt: skip
        decided = self.decisions()
        return [job for job in jobs if wanted_since(job, job.destination, decided.get(job.number))]

    def with_destination(self, destination: Path) -> list[Job]:
        """The jobs whose results go into one file, by entry; of each entry the one asked for last.

        What is held for review, and what has a file of its own, counts once it is accepted, and as if it
        were asked for then; what is rejected counts no more.
        """
        place = _stored(destination)
        jobs = self._select("destination = ? OR choice = ?", place, place)
        decided = self.decisions(job.number for job in jobs)
        last: dict[int, tuple[int, Job]] = {}
        for job in jobs:
            asked = wanted_since(job, destination, decided.get(job.number))
            if asked and asked > last.get(job.entry, (0, job))[0]:
                last[job.entry] = asked, job
        return [last[entry][1] for entry in sorted(last)]

    def decisions(self, numbers: Iterable[int] | None = None) -> dict[int, Decided]:
        """The last decision about each of these jobs, or of all, that has one. What was rejected and
        then asked for again is undecided.
        """
        among = "TRUE" if numbers is None else f"job IN {_EACH}"
        with self._lock:
            rows = self._db.execute(
                "SELECT decisions.* FROM decisions JOIN jobs ON jobs.number = job "  # noqa: S608 - our own words
                f"WHERE {among} AND NOT (decision = '{Decision.REJECTED}' "
                "AND decisions.asked < jobs.asked) ORDER BY decisions.number",
                () if numbers is None else (_array(numbers),),
            ).fetchall()
        return {row["job"]: _decided(row) for row in rows}

    def note_decision(
        self, job: int, decision: Decision, text: str | None = None, step: int | None = None
    ) -> Decided:
        """Note what was decided about a job. Decisions of one `step` are taken back together; without
        one, this is a step of its own.
        """
        with self._transaction():
            (last,) = self._db.execute("SELECT coalesce(max(step), 0) FROM decisions").fetchone()
            row = self._db.execute(
                "INSERT INTO decisions (step, job, decision, text, asked, time) "
                "VALUES (?, ?, ?, ?, ?, ?) RETURNING *",
                (step or last + 1, job, decision, text, self._last_asked() + 1, time.time()),
            ).fetchone()
        return _decided(row)

    def last_decisions(self) -> list[Decided]:
        """The decisions of the last step; nothing when there is none."""
        with self._lock:
            rows = self._db.execute(
                "SELECT * FROM decisions WHERE step = (SELECT max(step) FROM decisions)"
            ).fetchall()
        return [_decided(row) for row in rows]

    def take_back(self, decisions: Iterable[Decided]) -> None:
        """Remove these decisions, as if they had never been made."""
        numbers = _array(decided.number for decided in decisions)
        with self._transaction():
            self._db.execute(f"DELETE FROM decisions WHERE number IN {_EACH}", (numbers,))  # noqa: S608

    def put_back(self, decisions: Iterable[Decided]) -> None:
        """Have these decisions again that were taken back."""
        with self._transaction():
            self._db.executemany(
                "INSERT INTO decisions VALUES (:number, :step, :job, :decision, :text, :asked, :time)",
                [asdict(decided) for decided in decisions],
            )

    def set_state(self, number: int, state: State, error: str = "") -> bool:
        """Note how a job stands now; returns whether it may stand so.

        What has ended or is paused makes no progress, unless it is queued again, and what runs has been
        sent. What ends need not be cancelled any more.
        """
        stays = f"state NOT IN {_ENDED} AND state <> '{State.PAUSED}'"
        condition = stays if state in _PROGRESS else "TRUE"
        if state is State.SENT:
            condition += f" AND state <> '{State.RUNNING}'"
        with self._transaction():
            changed = self._change(
                f"state = ?, error = ? WHERE number = ? AND {condition}", state, error, number
            )
            if state.ended:
                self._db.execute("DELETE FROM cancels WHERE job = ?", (number,))
        return changed

    def set_places(self, places: Mapping[int, float]) -> None:
        """Note where jobs stand among those that wait, by number."""
        with self._transaction():
            self._db.executemany(
                "UPDATE jobs SET place = ? WHERE number = ?",
                [(place, number) for number, place in places.items()],
            )

    def ask_to_cancel(self, numbers: Iterable[int]) -> None:
        """Leave the request to cancel these jobs to whoever works on the queue, now or next.

        It stays until the job has ended or is queued again; jobs that have ended already get none.
        """
        with self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO cancels SELECT number, ? FROM jobs "  # noqa: S608 - our own words
                f"WHERE number IN {_EACH} AND state NOT IN {_ENDED}",
                (time.time(), _array(numbers)),
            )

    def asked_to_cancel(self) -> list[Job]:
        """The jobs that are asked to be cancelled and have not ended."""
        return self._select("number IN (SELECT job FROM cancels)")

    def forget(self, numbers: Iterable[int]) -> None:
        """Remove jobs that have ended. Their answers stay, so that asking again costs nothing."""
        with self._transaction():
            self._db.execute(
                f"DELETE FROM jobs WHERE number IN {_EACH} AND state IN {_ENDED}",  # noqa: S608
                (_array(numbers),),
            )
            self._db.execute("DELETE FROM decisions WHERE job NOT IN (SELECT number FROM jobs)")

    def set_request(self, number: int, request: Request, estimate: int) -> str:
        """Note the request that was made for a job and the prompt tokens that we count for it.

        Returns the request's identity.
        """
        identity = request.job_id()
        # ASCII: a model may write half a surrogate pair, which SQLite takes only when it is escaped.
        text = json.dumps(asdict(request))
        self._change(
            "identity = ?, request = ?, estimate = ? WHERE number = ?",
            identity, text, estimate, number,
        )  # fmt: skip
        return identity

    def count_attempt(self, number: int) -> None:
        """Note that a job is being sent."""
        self._change("attempts = attempts + 1 WHERE number = ?", number)

    def request(self, number: int) -> Request:
        """The request that was made for a job. Raises KeyError when none was."""
        with self._lock:
            row = self._db.execute(
                "SELECT request FROM jobs WHERE number = ?", (number,)
            ).fetchone()
        if row is None or row["request"] is None:
            raise KeyError(number)
        return parse(Request, json.loads(row["request"]))

    def answer(self, identity: str) -> Answer | None:
        """What came back for a request; None when nothing did yet."""
        with self._lock:
            row = self._db.execute(
                "SELECT answer FROM results WHERE identity = ?", (identity,)
            ).fetchone()
        return parse(Answer, json.loads(row["answer"])) if row else None

    def keep_answer(self, identity: str, answer: Answer) -> None:
        """Keep an answer, unless there is one."""
        text = json.dumps(asdict(answer))
        with self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO results VALUES (?, ?, ?)", (identity, text, time.time())
            )

    def durations(self, engine: str) -> list[float]:
        """Seconds that each of the newest answers of this engine ("vllm", any version) took."""
        with self._lock:
            rows = self._db.execute(
                "SELECT json_extract(answer, '$.ended') - json_extract(answer, '$.started') AS took "
                "FROM results WHERE json_extract(answer, '$.engine') || ' ' LIKE ? "
                "ORDER BY received DESC LIMIT ?",
                (f"{engine} %", _NEWEST_ANSWERS),
            ).fetchall()
        return [row["took"] for row in rows if row["took"] is not None]

    def seen(self, box: str) -> tuple[str, int]:
        """The journal of a box that was last followed, and how far; ("", -1) at first."""
        with self._lock:
            row = self._db.execute("SELECT * FROM seen WHERE box = ?", (box,)).fetchone()
        return (row["journal"], row["seq"]) if row else ("", -1)

    def note_seen(self, box: str, journal: str, seq: int) -> None:
        """Note how far the box's journal was followed, after what it said was dealt with."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT (box) "
                "DO UPDATE SET journal = excluded.journal, seq = CASE journal "
                "WHEN excluded.journal THEN max(seq, excluded.seq) ELSE excluded.seq END",
                (box, journal, seq),
            )

    def written(self, path: Path) -> Written | None:
        """What we last wrote to this path; None when we never did."""
        with self._lock:
            row = self._db.execute(
                "SELECT sha256, source, result, replaced FROM written WHERE path = ?",
                (_stored(path),),
            ).fetchone()
        return _written(row) if row else None

    def all_written(self) -> dict[Path, Written]:
        """What we last wrote, by path."""
        with self._lock:
            rows = self._db.execute("SELECT path, sha256, source FROM written").fetchall()
        return {_path(row["path"]): Written(row["sha256"], _path(row["source"])) for row in rows}

    def note_written(self, path: Path, written: Written) -> None:
        """Note what we wrote, so that we may write it anew as long as nobody else changed it.

        What we once replaced there stays known.
        """
        with self._transaction():
            self._db.execute(
                "INSERT INTO written (path, sha256, source, result, replaced) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (path) DO UPDATE SET sha256 = excluded.sha256, source = excluded.source, "
                "result = excluded.result, replaced = coalesce(excluded.replaced, replaced)",
                (
                    _stored(path),
                    written.sha256,
                    _stored(written.source),
                    _stored(written.result) if written.result else None,
                    written.replaced,
                ),
            )

    def files_of(self, result: Path) -> list[Path]:
        """The files that we wrote for a result, its main file among them, as far as that is known."""
        place = _stored(result)
        with self._lock:
            rows = self._db.execute(
                "SELECT path FROM written WHERE result = ? OR path = ?", (place, place)
            ).fetchall()
        return [_path(row["path"]) for row in rows]

    def forget_written(self, path: Path) -> None:
        """It is not a file of ours any more."""
        with self._transaction():
            self._db.execute("DELETE FROM written WHERE path = ?", (_stored(path),))

    def _migrate(self) -> None:
        version = self._version()
        if version > SCHEMA_VERSION:
            raise QueueError(
                f"the queue {self.path} was written by a newer upsample (schema {version})",
                "Upgrade this one.",
            )
        if version < SCHEMA_VERSION:
            with self._transaction():
                # Asked again: another process may have been faster.
                self._upgrade(self._version())

    def _use_wal(self) -> None:
        """SQLite waits for locks, but not for this one, while another process does the same."""
        for pause in (*[0.05] * _WAL_TRIES, 0.0):
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if not pause:
                    raise
                time.sleep(pause)
            else:
                return

    def _upgrade(self, version: int) -> None:
        if version == 0 and self._db.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise QueueError(f"{self.path} is the database of another program", "Move it away.")
        for step in _STEPS[version:]:
            # Not executescript, which would end the transaction.
            for statement in step.split(";"):
                self._db.execute(statement)
        self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _version(self) -> int:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        return int(version)

    def _change(self, assignments: str, *values: object) -> bool:
        with self._lock:
            changed = self._db.execute(
                f"UPDATE jobs SET changed = ?, {assignments}",  # noqa: S608 - our own words
                (time.time(), *values),
            )
        return changed.rowcount > 0

    def _select(self, condition: str, *values: object, order: str = "number") -> list[Job]:
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM jobs WHERE {condition} ORDER BY {order}",  # noqa: S608
                values,
            ).fetchall()
        return [_job(row) for row in rows]

    def _last_asked(self) -> int:
        (last,) = self._db.execute(
            "SELECT coalesce(max(asked), 0) FROM (SELECT asked FROM jobs UNION ALL "
            "SELECT asked FROM decisions)"
        ).fetchone()
        return int(last)

    def _insert(self, job: Order, asked: int) -> None:
        now = time.time()
        values = asdict(job) | {
            "file": _stored(job.file),
            "video": _stored(job.video) if job.video else None,
            "control": _stored(job.control) if job.control else None,
            "destination": _stored(job.destination),
            "choice": _stored(job.choice) if job.choice else None,
            "state": State.QUEUED,
            "place": asked,
            "asked": asked,
            "queued": now,
            "changed": now,
        }
        self._db.execute(
            f"INSERT INTO jobs ({', '.join(values)}) "  # noqa: S608 - our own names
            f"VALUES ({', '.join(f':{name}' for name in values)})",
            values,
        )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def _unusable(path: Path, error: Exception) -> QueueError:
    return QueueError(
        f"the queue {path} cannot be used: {error}",
        "If it is damaged, move it away; results already written stay where they are.",
    )


def _array(numbers: Iterable[int]) -> str:
    return json.dumps(list(numbers))


def _stored(path: Path) -> str | bytes:
    """A path as SQLite takes it: text, or its bytes when its name is not UTF-8."""
    try:
        path.as_posix().encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return str(path)


def _path(stored: str | bytes) -> Path:
    return Path(os.fsdecode(stored))


def _job(row: sqlite3.Row) -> Job:
    values = dict(row)
    return Job(
        **values
        | {
            "file": _path(values["file"]),
            "video": _path(values["video"]) if values["video"] else None,
            "control": _path(values["control"]) if values["control"] else None,
            "destination": _path(values["destination"]),
            "held": bool(values["held"]),
            "choice": _path(values["choice"]) if values["choice"] else None,
            "state": State(values["state"]),
            "force": bool(values["force"]),
        }
    )


def _decided(row: sqlite3.Row) -> Decided:
    values = dict(row)
    return Decided(**values | {"decision": Decision(values["decision"])})


def _written(row: sqlite3.Row) -> Written:
    return Written(
        row["sha256"],
        _path(row["source"]),
        _path(row["result"]) if row["result"] else None,
        row["replaced"],
    )
