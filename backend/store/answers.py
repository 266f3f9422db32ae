"""What boxes were asked, what they answered, and how far their journals were followed."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TypeVar

from backend.store.job import State
from backend.store.jobs import Jobs
from backend.store.trouble import Damaged
from remote.protocol import Answer, ProtocolError, Request, parse

T = TypeVar("T")

_NEWEST_ANSWERS = 200
"""That are looked at to know how long an answer takes."""


class Answers(Jobs):
    """Requests belong to jobs; answers to requests, so that they outlive the jobs."""

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

    def request(self, number: int) -> Request:
        """The request that was made for a job. Raises KeyError when none was."""
        with self._using() as db:
            row = db.execute("SELECT request FROM jobs WHERE number = ?", (number,)).fetchone()
            if row is None or row["request"] is None:
                raise KeyError(number)
            return _parsed(Request, row["request"])

    def answer(self, identity: str) -> Answer | None:
        """What came back for a request; None when nothing did yet."""
        with self._using() as db:
            row = db.execute(
                "SELECT answer FROM results WHERE identity = ?", (identity,)
            ).fetchone()
            return _parsed(Answer, row["answer"]) if row else None

    def was_asked(self, box: str, identity: str) -> bool:
        """Whether any job of this box has this request."""
        with self._using() as db:
            found = db.execute(
                "SELECT 1 FROM jobs WHERE identity = ? AND box = ? LIMIT 1", (identity, box)
            ).fetchone()
        return found is not None

    def keep_answer(self, identity: str, answer: Answer) -> None:
        """Keep an answer, unless there is one."""
        text = json.dumps(asdict(answer))
        with self._transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO results VALUES (?, ?, ?)", (identity, text, time.time())
            )

    def durations(self, engine: str) -> list[float]:
        """Seconds that each of the newest answers of this engine ("vllm", any version) took."""
        with self._using() as db:
            rows = db.execute(
                "SELECT json_extract(answer, '$.ended') - json_extract(answer, '$.started') AS took "
                "FROM results WHERE json_extract(answer, '$.engine') || ' ' LIKE ? "
                "ORDER BY received DESC LIMIT ?",
                (f"{engine} %", _NEWEST_ANSWERS),
            ).fetchall()
        return [row["took"] for row in rows if row["took"] is not None]

    def seen(self, box: str) -> tuple[str, int]:
        """The journal of a box that was last followed, and how far; ("", -1) at first."""
        with self._using() as db:
            row = db.execute("SELECT * FROM seen WHERE box = ?", (box,)).fetchone()
        return (row["journal"], row["seq"]) if row else ("", -1)

    def note_seen(self, box: str, journal: str, seq: int) -> None:
        """Note how far the box's journal was followed, after what it said was dealt with."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT (box) "
                "DO UPDATE SET journal = excluded.journal, seq = CASE journal "
                "WHEN excluded.journal THEN max(seq, excluded.seq) ELSE excluded.seq END",
                (box, journal, seq),
            )

    def begin_journal(self, box: str, journal: str) -> None:
        """Follow another journal of the box from its beginning. What was sent is to be sent anew: only the
        journal before is known to have it.
        """
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, -1)", (box, journal))
            db.execute(
                "UPDATE jobs SET state = ?, changed = ? WHERE box = ? AND state IN (?, ?)",
                (State.QUEUED, time.time(), box, State.SENT, State.RUNNING),
            )


def _parsed(kind: type[T], text: str) -> T:
    try:
        return parse(kind, json.loads(text))
    except (TypeError, ValueError, ProtocolError) as error:
        raise Damaged(f"the {kind.__name__.lower()} is not as it was written: {error}") from error
