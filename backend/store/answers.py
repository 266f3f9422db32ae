"""Stores the requests to boxes, the answers to them, and how far each box's journal was read."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TypeVar

from backend.generation import Generation
from backend.store.job import State
from backend.store.job_rows import generation_column
from backend.store.jobs import Jobs
from backend.store.trouble import Damaged
from remote.protocol import Answer, ProtocolError, Request, parse

T = TypeVar("T")

_NEWEST_ANSWERS = 200
"""How many of the newest answers are read to know how long an answer takes."""


class Answers(Jobs):
    """Requests and answers. A request belongs to a job, an answer to a request, so it outlives the job."""

    def set_request(
        self, number: int, request: Request, estimate: int, generation: Generation | None = None
    ) -> str:
        """Store the request of a job, our own count of its prompt tokens, and what is to be made.

        Returns the request's identity.
        """
        identity = request.job_id()
        # ASCII: a model may write half a surrogate pair, which SQLite takes only when it is escaped.
        text = json.dumps(asdict(request))
        self._change(
            "identity = ?, request = ?, estimate = ?, generation = ? WHERE number = ?",
            identity, text, estimate, generation and generation_column(generation), number,
        )  # fmt: skip
        return identity

    def request(self, number: int) -> Request:
        """Return the request of a job. Raises KeyError when it has none."""
        with self._using() as db:
            row = db.execute("SELECT request FROM jobs WHERE number = ?", (number,)).fetchone()
            if row is None or row["request"] is None:
                raise KeyError(number)
            return _parsed(Request, row["request"])

    def answer(self, identity: str, box: str) -> Answer | None:
        """Return the answer of a box to a request; None when it has given none."""
        with self._using() as db:
            row = db.execute(
                "SELECT answer FROM results WHERE identity = ? AND box = ?", (identity, box)
            ).fetchone()
            return _parsed(Answer, row["answer"]) if row else None

    def was_asked(self, box: str, identity: str) -> bool:
        """Whether any job of this box has this request."""
        with self._using() as db:
            found = db.execute(
                "SELECT 1 FROM jobs WHERE identity = ? AND box = ? LIMIT 1", (identity, box)
            ).fetchone()
        return found is not None

    def identities_on(self, box: str) -> list[str]:
        """Return the identities of the requests that this box has, as far as this queue knows."""
        with self._using() as db:
            rows = db.execute(
                "SELECT DISTINCT identity FROM jobs "
                "WHERE box = ? AND state IN (?, ?) AND identity IS NOT NULL",
                (box, State.SENT, State.RUNNING),
            ).fetchall()
        return [row["identity"] for row in rows]

    def keep_answer(self, identity: str, box: str, answer: Answer) -> None:
        """Store the answer of a box to a request, unless it has given one already."""
        text = json.dumps(asdict(answer))
        with self._transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO results (identity, box, answer, received, model) "
                "VALUES (?, ?, ?, ?, (SELECT json_extract(request, '$.model') FROM jobs "
                "WHERE identity = ? AND request IS NOT NULL LIMIT 1))",
                (identity, box, text, time.time(), identity),
            )

    def durations(self, box: str, engine: str, model: str) -> list[float]:
        """Return how many seconds each of the newest answers of a box took, with this engine ("vllm", any
        version) and this model.
        """
        with self._using() as db:
            rows = db.execute(
                "SELECT json_extract(answer, '$.ended') - json_extract(answer, '$.started') AS took "
                "FROM results WHERE box = ? AND model = ? "
                "AND json_extract(answer, '$.engine') || ' ' LIKE ? "
                "ORDER BY received DESC LIMIT ?",
                (box, model, f"{engine} %", _NEWEST_ANSWERS),
            ).fetchall()
        return [row["took"] for row in rows if row["took"] is not None]

    def seen(self, box: str) -> tuple[str, int]:
        """Return the id of the box's journal that was read last, and the last seq; ("", -1) at first."""
        with self._using() as db:
            row = db.execute("SELECT * FROM seen WHERE box = ?", (box,)).fetchone()
        return (row["journal"], row["seq"]) if row else ("", -1)

    def note_seen(self, box: str, journal: str, seq: int) -> None:
        """Store the seq of a journal event that was processed."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT (box) "
                "DO UPDATE SET journal = excluded.journal, seq = CASE journal "
                "WHEN excluded.journal THEN max(seq, excluded.seq) ELSE excluded.seq END",
                (box, journal, seq),
            )

    def begin_journal(self, box: str, journal: str) -> None:
        """Begin to read another journal of the box from its start.

        Sent jobs become queued again: they were accepted in the earlier journal, and may not be in this one.
        Those of a fleet stay with this box.
        """
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, -1)", (box, journal))
            db.execute(
                "UPDATE jobs SET state = CASE fleet WHEN '' THEN ? ELSE ? END, changed = ? "
                "WHERE box = ? AND state IN (?, ?)",
                (State.QUEUED, State.PREPARING, time.time(), box, State.SENT, State.RUNNING),
            )


def _parsed(kind: type[T], text: str) -> T:
    try:
        return parse(kind, json.loads(text))
    except (TypeError, ValueError, ProtocolError) as error:
        raise Damaged(f"the {kind.__name__.lower()} is not as it was written: {error}") from error
