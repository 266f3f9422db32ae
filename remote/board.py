"""Which jobs the box knows and how each stands: the journal, understood.

Every change is a journal record first; the state in memory follows from the records alone, so a daemon
that starts again stands where the last one fell.
"""

from __future__ import annotations

import enum
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import cast

from remote.journal import Journal, Record
from remote.protocol import (
    Accepted,
    Answer,
    Cancelled,
    Durable,
    Failed,
    Finished,
    Json,
    Request,
    from_json,
    parse,
)

MOST_FALLS = 3
"""Attempts that may end with the daemon's death before the job is held to be the cause."""


class Stand(enum.Enum):
    """How a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Attempt:
    """One try at a job."""

    job: str
    number: int
    """From 1."""
    request: Request


_ENDED_BY = {
    "finished": Stand.FINISHED,
    "failed": Stand.FAILED,
    "cancelled": Stand.CANCELLED,
}


class Board:
    """The jobs of one journal. All methods block on the disk and may raise OSError (disk full)."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._stands: dict[str, Stand] = {}
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._accepted: dict[str, int] = {}
        self._ended: dict[str, int] = {}
        self._attempts: Counter[str] = Counter()
        self._falls: Counter[str] = Counter()
        for record in journal.read():
            self._learn(record)
        for job in reversed(self.running()):
            self._wait_first(job)

    @property
    def unfinished(self) -> int:
        """Jobs that wait or run."""
        return len(self._accepted) - len(self._ended)

    @property
    def first_waiting(self) -> str | None:
        """The job that is to begin next; None when none waits."""
        return next(iter(self._waiting), None)

    def stand(self, job: str) -> Stand | None:
        """How the job stands; None when this box does not know it."""
        return self._stands.get(job)

    def running(self) -> list[str]:
        """The jobs that were begun and have not ended."""
        return [job for job, stand in self._stands.items() if stand is Stand.RUNNING]

    def unfinished_requests(self) -> Iterator[Request]:
        """The requests whose images are still needed."""
        for job in self._accepted:
            if job not in self._ended:
                yield self.request(job)

    def request(self, job: str) -> Request:
        """The request of a job that was accepted. Raises KeyError."""
        return parse(Request, self._journal.record(self._accepted[job]).body["request"])

    def accept(self, job: str, request: Request) -> None:
        """Take the job; it is on the disk when this returns. A failed one begins anew."""
        self._append("accepted", {"job": job, "request": cast(Json, asdict(request))})

    def kills(self, job: str) -> bool:
        """Whether the runner died so often during this job that the job is held to be the cause."""
        return self._falls[job] >= MOST_FALLS

    def start(self, job: str) -> Attempt:
        """Begin a job that waits."""
        self._append("started", {"job": job})
        return Attempt(job, self._attempts[job], self.request(job))

    def wait_again(self, job: str) -> None:
        """Let a job that runs wait for another attempt, before those that were not begun."""
        self._append("waiting", {"job": job})

    def finish(self, job: str, answer: Answer) -> None:
        """Keep the answer."""
        self._append("finished", {"job": job, "answer": cast(Json, asdict(answer))})

    def fail(self, job: str, kind: str, message: str) -> None:
        """Give the job up, with the reason that the user will read."""
        self._append("failed", {"job": job, "kind": kind, "message": message})

    def cancel(self, job: str) -> None:
        """Take the job back."""
        self._append("cancelled", {"job": job})

    def told_after(self, seq: int) -> Iterator[tuple[int, Durable | None]]:
        """What apps are told of the records after `seq`; None for those that are not for them."""
        for record in self._journal.read(after=seq):
            yield record.seq, _told(record)

    def told_of(self, job: str) -> Iterator[Durable]:
        """What apps are told of this job so far."""
        for seq in (self._accepted[job], self._ended.get(job)):
            message = _told(self._journal.record(seq)) if seq is not None else None
            if message is not None:
                yield message

    def _append(self, kind: str, body: Mapping[str, Json]) -> None:
        seq = self._journal.append(kind, body)
        self._learn(self._journal.record(seq))

    def _learn(self, record: Record) -> None:
        job, kind = str(record.body.get("job")), record.body.get("type")
        if kind == "accepted":
            self._stands[job] = Stand.WAITING
            self._accepted[job] = record.seq
            self._ended.pop(job, None)
            self._attempts.pop(job, None)
            self._falls.pop(job, None)
            self._waiting[job] = None
        elif job not in self._accepted or job in self._ended:
            # Its acceptance was lost with a damaged record, or it has its one end already.
            return
        elif kind == "started":
            self._stands[job] = Stand.RUNNING
            self._attempts[job] += 1
            # Taken back when the attempt ends in any other way than with the daemon.
            self._falls[job] += 1
            self._waiting.pop(job, None)
        elif kind == "waiting":
            self._falls[job] -= 1
            self._wait_first(job)
        elif kind in _ENDED_BY:
            self._stands[job] = _ENDED_BY[str(kind)]
            self._ended[job] = record.seq
            self._waiting.pop(job, None)

    def _wait_first(self, job: str) -> None:
        self._stands[job] = Stand.WAITING
        self._waiting[job] = None
        self._waiting.move_to_end(job, last=False)


def _told(record: Record) -> Durable | None:
    if record.body.get("type") not in {"accepted", *_ENDED_BY}:
        return None
    message = from_json(dict(record.body))
    assert isinstance(message, (Accepted, Finished, Failed, Cancelled))  # noqa: S101 - for mypy
    return message
