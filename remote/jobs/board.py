"""Which jobs the box knows and how each stands: the journal, understood.

Every change is a journal record first; the state in memory follows from the records alone, so a daemon
that starts again stands where the last one fell.
"""

from __future__ import annotations

import enum
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import cast

from remote.jobs.journal import Journal
from remote.jobs.records import Record
from remote.protocol import (
    MAX_FROM_BOX,
    MOST_FALLS,
    Accepted,
    Answer,
    Cancelled,
    Durable,
    Failed,
    Finished,
    Json,
    ProtocolError,
    Request,
    from_json,
    parse,
)

_WORTH = 0.1
"""Share of the journal that must become free for it to be rewritten."""
_LONGEST_REST = 0.1
"""Share of the time that ended jobs are kept for; of a time without records, no more is believed."""
_LARGEST = MAX_FROM_BOX
"""Bytes of a record: no app takes a larger message, and no request is sensibly larger."""
_LONGEST_REASON = 10_000
"""Characters."""


class JobState(enum.Enum):
    """How a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class EngineAttempt:
    """One try at a job."""

    job: str
    number: int
    """From 1."""
    request: Request


_ENDED_BY = {
    "finished": JobState.FINISHED,
    "failed": JobState.FAILED,
    "cancelled": JobState.CANCELLED,
}


@dataclass(slots=True)
class _Job:
    """What is kept in memory of a job: nothing of what it asks or answers."""

    accepted: int | None
    """The seq of the record with its request; None where only the result is left of a damaged journal."""
    state: JobState = JobState.WAITING
    ended: int | None = None
    """The seq of the record of its end."""
    ended_at: float = 0.0
    """Unix time."""
    attempts: int = 0
    falls: int = 0
    """Attempts that may have ended with the daemon."""


class Board:
    """The jobs of one journal. All methods block on the disk; they may raise OSError (disk full) and
    JournalError.
    """

    def __init__(self, journal: Journal, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix time."""
        self._journal = journal
        self._clock = clock
        self._jobs: dict[str, _Job] = {}
        self._unfinished = 0
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self.strange: Counter[str] = Counter()
        """By kind: how many records this version cannot read. They stay, for one that can."""
        for record in journal.read():
            if _is_readable(record):
                self._learn(record)
            else:
                self.strange[str(record.body.get("type"))] += 1
        self._leave_unreadable()
        for job in reversed(self.running()):
            self._wait_first(job)

    @property
    def unfinished(self) -> int:
        """Jobs that wait or run."""
        return self._unfinished

    @property
    def first_waiting(self) -> str | None:
        """The job that is to begin next; None when none waits."""
        return next(iter(self._waiting), None)

    def state(self, job: str) -> JobState | None:
        """How the job stands; None when this box does not know it."""
        known = self._jobs.get(job)
        return None if known is None else known.state

    def running(self) -> list[str]:
        """The jobs that were begun and have not ended."""
        return [job for job, known in self._jobs.items() if known.state is JobState.RUNNING]

    def unfinished_requests(self) -> Iterator[Request]:
        """The requests whose images are still needed."""
        for job, known in self._jobs.items():
            if known.ended is None:
                yield self.request(job)

    def request(self, job: str) -> Request:
        """The request of a job that was accepted. Raises KeyError."""
        accepted = self._jobs[job].accepted
        if accepted is None:
            raise KeyError(job)
        return parse(Request, self._journal.record(accepted).body.get("request"))

    def check(self) -> None:
        """Raise JournalError when the journal is not there any more, or somebody else wrote it."""
        self._journal.check()

    def accept(self, job: str, request: Request) -> None:
        """Take the job; it is on the disk when this returns. A failed one begins anew.

        Raises RecordTooLarge.
        """
        self._append("accepted", {"job": job, "request": cast(Json, asdict(request))})

    def kills(self, job: str) -> bool:
        """Whether the runner died so often during this job that the job is held to be the cause."""
        return self._jobs[job].falls >= MOST_FALLS

    def start(self, job: str) -> EngineAttempt:
        """Begin a job that waits."""
        self._append("started", {"job": job})
        return EngineAttempt(job, self._jobs[job].attempts, self.request(job))

    def wait_again(self, job: str) -> None:
        """Let a job that runs wait for another attempt, before those that were not begun."""
        self._append("waiting", {"job": job})

    def finish(self, job: str, answer: Answer) -> None:
        """Keep the answer. Raises RecordTooLarge for one that no app would take."""
        self._append("finished", {"job": job, "answer": cast(Json, asdict(answer))})

    def fail(self, job: str, kind: str, message: str) -> None:
        """Give the job up, with the reason that the user will read."""
        self._append("failed", {"job": job, "kind": kind, "message": message[:_LONGEST_REASON]})

    def cancel(self, job: str) -> None:
        """Take the job back."""
        self._append("cancelled", {"job": job})

    def told_after(self, seq: int) -> Iterator[tuple[int, Durable | None]]:
        """What apps are told of the records after `seq`; None for those that are not for them."""
        for record in self._journal.read(after=seq):
            yield record.seq, _told(record)

    def told_of(self, job: str) -> Iterator[Durable]:
        """What apps are told of this job so far."""
        known = self._jobs[job]
        for seq in (known.accepted, known.ended):
            message = _told(self._journal.record(seq)) if seq is not None else None
            if message is not None:
                yield message

    def forget_ended(self, keep: float) -> int:
        """Drop the jobs that ended more than so many seconds ago from the journal; returns how many.

        A time without records counts as a tenth of `keep` at most: a clock that jumps by a year makes
        nothing old. What is little is left: apps ask for everything again after it. Damaged bytes that
        were set aside so long ago go, too. Not while `told_after` goes on.
        """
        before = self._clock() - keep
        self._journal.forget_set_aside(before)
        if all(it.ended is None or it.ended_at >= before for it in self._jobs.values()):
            return 0
        old = self._ended_before(keep)
        if not old:
            return 0
        seqs, size = set(), 0
        for record in self._journal.read():
            if record.body.get("job") in old:
                seqs.add(record.seq)
                size += record.size
        if size < self._journal.size * _WORTH:
            return 0
        self._journal.drop(seqs)
        for job in old:
            del self._jobs[job]
        return len(old)

    def _ended_before(self, keep: float) -> set[str]:
        """The jobs that ended so many seconds ago, as far as the times of the records can be believed."""
        ended_at_age: dict[str, float] = {}
        age, last = 0.0, None
        for record in self._journal.read():
            if isinstance(time := record.body.get("time"), (int, float)):
                age += 0.0 if last is None else _believed(time - last, keep)
                last = time
            job = str(record.body.get("job"))
            if job in self._jobs and self._jobs[job].ended == record.seq:
                ended_at_age[job] = age
        age += 0.0 if last is None else _believed(self._clock() - last, keep)
        return {job for job, ended in ended_at_age.items() if age - ended >= keep}

    def _leave_unreadable(self) -> None:
        """Know nothing of jobs that are to be done and ask for more than this version can read."""
        for job in [job for job, known in self._jobs.items() if known.ended is None]:
            try:
                if self.request(job).job_id() == job:
                    continue
            except ProtocolError:
                pass
            del self._jobs[job]
            self._waiting.pop(job, None)
            self._unfinished -= 1
            self.strange["accepted"] += 1

    def _append(self, kind: str, body: Mapping[str, Json]) -> None:
        self._learn(self._journal.append(kind, {"time": self._clock(), **body}, _LARGEST))

    def _learn(self, record: Record) -> None:
        job, kind = str(record.body.get("job")), record.body.get("type")
        known = self._jobs.get(job)
        if known is None and kind == "finished":
            # Its acceptance was lost with a damaged record; whoever asks again is answered.
            known = self._jobs[job] = _Job(None)
            self._unfinished += 1
        if kind == "accepted":
            if known is None or known.ended is not None:
                self._unfinished += 1
            self._jobs[job] = _Job(record.seq)
            self._waiting[job] = None
        elif known is None or known.ended is not None:
            # As above, and there is no result; or it has its one end already.
            return
        elif kind == "started":
            known.state = JobState.RUNNING
            known.attempts += 1
            # Taken back when the attempt ends in any other way than with the daemon.
            known.falls += 1
            self._waiting.pop(job, None)
        elif kind == "waiting":
            known.falls -= 1
            self._wait_first(job)
        elif kind in _ENDED_BY:
            known.state = _ENDED_BY[str(kind)]
            known.ended, known.ended_at = record.seq, _time_of(record, self._clock)
            self._unfinished -= 1
            self._waiting.pop(job, None)

    def _wait_first(self, job: str) -> None:
        self._jobs[job].state = JobState.WAITING
        self._waiting[job] = None
        self._waiting.move_to_end(job, last=False)


def _time_of(record: Record, clock: Callable[[], float]) -> float:
    """When it was written; now, for one that does not say."""
    time = record.body.get("time")
    return float(time) if isinstance(time, (int, float)) else clock()


def _believed(seconds: float, keep: float) -> float:
    """How much of the time between two records counts."""
    return min(max(0.0, seconds), keep * _LONGEST_REST)


def _is_readable(record: Record) -> bool:
    """Whether this version knows what the record says; of an acceptance, that is asked where it matters."""
    kind = record.body.get("type")
    if kind in _ENDED_BY:
        return _told(record) is not None
    return kind in ("journal", "accepted", "started", "waiting")


def _told(record: Record) -> Durable | None:
    if record.body.get("type") not in {"accepted", *_ENDED_BY}:
        return None
    try:
        message = from_json(dict(record.body))
    except ProtocolError:
        return None  # of a newer version
    assert isinstance(message, (Accepted, Finished, Failed, Cancelled))  # noqa: S101 - for mypy
    return message
