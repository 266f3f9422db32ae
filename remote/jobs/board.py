"""The jobs that the box knows and the state of each, as a replay of the journal gives them.

Every change is written to the journal first. The state in memory follows from the records alone, so a daemon
that starts after a crash has the same jobs in the same states.
"""

from __future__ import annotations

import enum
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import cast

from remote.jobs.journal import Journal
from remote.jobs.record_contents import (
    NOTHING,
    cost_in,
    is_order,
    is_readable,
    jobs_of,
    message_of,
    time_of,
)
from remote.jobs.records import Record
from remote.jobs.spending import SpentLately
from remote.jobs.turns import Turns
from remote.protocol import (
    MAX_FROM_BOX,
    MAX_MESSAGE,
    MOST_FALLS,
    MOST_LOSSES,
    Answer,
    Durable,
    Json,
    ProtocolError,
    Request,
    money,
    parse,
)

_WORTH = 0.1
"""Share of the journal that must become free before it is rewritten."""
_LONGEST_GAP = 0.1
"""How much of a time without records counts towards a job's age, as a share of the time to keep jobs."""
_LARGEST = MAX_FROM_BOX
"""Bytes that a record may have: apps accept no larger message, and no sensible request is larger. An order of
jobs may be larger, because apps are not sent it."""
_LONGEST_REASON = 10_000
"""Characters."""


class JobState(enum.Enum):
    """The state of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class EngineAttempt:
    """One attempt of the engine at a job."""

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
    """The state of a job in memory; its request and answer are read from the journal when they are needed."""

    accepted: int | None
    """The seq of the record with its request; None if that record was lost and only the result is left."""
    state: JobState = JobState.WAITING
    ended: int | None = None
    """The seq of the record with its end; None for a job that has not ended."""
    ended_at: float = 0.0
    """Unix time."""
    attempts: int = 0
    falls: int = 0
    """Attempts that may have ended by a crash of the daemon."""
    losses: int = 0
    """Attempts that ended because the replica that was to answer had gone."""
    app: str = ""
    """The queue that the job belongs to, as in `Submit.app`."""
    cost: Decimal = NOTHING
    """What its attempts have cost."""


class Board:
    """The jobs of one journal. All methods block on the disk; they may raise OSError (disk full) and
    JournalError.
    """

    def __init__(self, journal: Journal, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix time."""
        self._journal = journal
        self._clock = clock
        self._jobs: dict[str, _Job] = {}
        self._turns = Turns()
        """The jobs that wait."""
        self._spent = SpentLately()
        self._running: dict[str, int] = {}
        """The running jobs, each with the rank that it had when it waited."""
        self.strange: Counter[str] = Counter()
        """How many records of each kind this version cannot read. They stay in the journal for newer ones."""
        for record in journal.read():
            if is_readable(record):
                self._learn(record)
            else:
                self.strange[str(record.body.get("type"))] += 1
        self._forget_unreadable()
        for job in reversed(self.running()):
            self._wait_first(job)

    @property
    def unfinished(self) -> int:
        """Jobs that wait or run."""
        return len(self._turns) + len(self._running)

    @property
    def spent(self) -> Decimal:
        """What the attempts of the last 24 hours have cost."""
        return self._spent.total(self._clock())

    def next_waiting(
        self, first: Sequence[str] = (), last: Collection[str] = frozenset()
    ) -> str | None:
        """Return the job that starts next; None when none waits. The queues of the apps take turns.

        A job of `first` comes before all others, and one of `last` after them.
        """
        for job in first:
            if job in self._turns:
                return job
        return self._turns.choose(last)

    def state(self, job: str) -> JobState | None:
        """The state of the job; None when this box does not know it."""
        known = self._jobs.get(job)
        return None if known is None else known.state

    def running(self) -> list[str]:
        """The jobs with an attempt that has not ended, in the order in which they waited."""
        return sorted(self._running, key=self._running.__getitem__)

    def unfinished_requests(self) -> Iterator[Request]:
        """The requests whose images are still needed."""
        for job in (*self._running, *self._turns):
            yield self.request(job)

    def request(self, job: str) -> Request:
        """The request of a job that was accepted. Raises KeyError."""
        accepted = self._jobs[job].accepted
        if accepted is None:
            raise KeyError(job)
        return parse(Request, self._journal.record(accepted).body.get("request"))

    def check(self) -> None:
        """Raise JournalError when the journal file was removed, or something else wrote to it."""
        self._journal.check()

    def accept(self, job: str, request: Request, app: str = "") -> None:
        """Accept the job for this app's queue; it is on the disk when this returns. A job that had failed
        starts anew.

        Raises RecordTooLarge.
        """
        body: dict[str, Json] = {"job": job, "request": cast(Json, asdict(request))}
        self._append("accepted", {**body, "app": app} if app else body)

    def arrange(self, jobs: Sequence[str]) -> None:
        """Put those of these jobs that wait into this order, as in `Turns.arrange`.

        Raises RecordTooLarge.
        """
        if moved := self._turns.moved(jobs):
            self._append("arranged", {"jobs": cast(Json, moved)}, MAX_MESSAGE)

    def has_crashed_runner(self, job: str) -> bool:
        """Return whether the runner died so often during this job that the job counts as the cause."""
        return self._jobs[job].falls >= MOST_FALLS

    def start(self, job: str) -> EngineAttempt:
        """Start an attempt at a waiting job."""
        self._append("started", {"job": job})
        return EngineAttempt(job, self._jobs[job].attempts, self.request(job))

    def wait_again(self, job: str, cost: float | None = None) -> None:
        """Put a running job back to the front of the queue, for another attempt; this one has a cost."""
        self._append("waiting", {"job": job} if cost is None else {"job": job, "cost": cost})

    def wait_after_loss(self, job: str, cost: float | None = None) -> bool:
        """Put a running job back as `wait_again` does, and count a loss of the replica that was to answer.

        Returns whether that was done: a job with MOST_LOSSES losses is left as it is. They are counted by the
        journal, so that a request that kills replicas is not tried anew with every daemon.
        """
        if self._jobs[job].losses >= MOST_LOSSES:
            return False
        body: dict[str, Json] = {"job": job, "is_loss": True}
        self._append("waiting", body if cost is None else {**body, "cost": cost})
        return True

    def finish(self, job: str, answer: Answer) -> None:
        """Keep the answer, with the cost of all attempts. Raises RecordTooLarge above what apps accept."""
        answer = replace(answer, cost=self._whole_cost(job, answer.cost))
        self._append("finished", {"job": job, "answer": cast(Json, asdict(answer))})

    def fail(self, job: str, kind: str, message: str, cost: float | None = None) -> None:
        """End the job as failed, with the reason that the user will read; the last attempt has a cost."""
        body: dict[str, Json] = {"job": job, "kind": kind, "message": message[:_LONGEST_REASON]}
        whole = self._whole_cost(job, cost)
        self._append("failed", body if whole is None else {**body, "cost": whole})

    def cancel(self, job: str) -> None:
        """End the job as cancelled."""
        self._append("cancelled", {"job": job})

    def messages_after(self, seq: int) -> Iterator[tuple[int, Durable | None]]:
        """The seq and the message of each record after `seq`; None for a record that apps are not sent."""
        for record in self._journal.read(after=seq):
            yield record.seq, message_of(record)

    def messages_of(self, job: str) -> Iterator[Durable]:
        """The messages that this job's records hold so far."""
        known = self._jobs[job]
        for seq in (known.accepted, known.ended):
            message = message_of(self._journal.record(seq)) if seq is not None else None
            if message is not None:
                yield message

    def forget_ended(self, keep: float) -> int:
        """Remove the jobs that ended more than `keep` seconds ago from the journal; return how many.

        A time without records counts as a tenth of `keep` at most, so a clock that jumps by a year makes
        nothing old. If little would become free, nothing is removed, because apps ask for every message
        again afterwards. Damaged bytes that were set aside so long ago are removed, too. Must not be called
        while `messages_after` is being read.
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
            if record.body.get("job") in old or self._is_past_order(record):
                seqs.add(record.seq)
                size += record.size
        if size < self._journal.size * _WORTH:
            return 0
        self._journal.drop(seqs)
        for job in old:
            del self._jobs[job]
        return len(old)

    def _ended_before(self, keep: float) -> set[str]:
        """The jobs that ended `keep` seconds ago; gaps between the records' times count in part only."""
        ended_at_age: dict[str, float] = {}
        age, last = 0.0, None
        for record in self._journal.read():
            if isinstance(time := record.body.get("time"), (int, float)):
                age += 0.0 if last is None else _bound_gap(time - last, keep)
                last = time
            job = str(record.body.get("job"))
            if job in self._jobs and self._jobs[job].ended == record.seq:
                ended_at_age[job] = age
        age += 0.0 if last is None else _bound_gap(self._clock() - last, keep)
        return {job for job, ended in ended_at_age.items() if age - ended >= keep}

    def _forget_unreadable(self) -> None:
        """Forget unfinished jobs whose request this version cannot read. Their records stay."""
        for job in [*self._running, *self._turns]:
            try:
                if self.request(job).job_id() == job:
                    continue
            except ProtocolError:
                pass
            del self._jobs[job]
            self._leave(job)
            self.strange["accepted"] += 1

    def _is_past_order(self, record: Record) -> bool:
        """Return whether the record puts into order only jobs that have ended."""
        if not is_order(record):
            return False
        return not any(job in self._turns or job in self._running for job in jobs_of(record))

    def _append(self, kind: str, body: Mapping[str, Json], most: int | None = None) -> None:
        record = {"time": self._clock(), **body}
        self._learn(self._journal.append(kind, record, _LARGEST if most is None else most))

    def _learn(self, record: Record) -> None:
        job, kind = str(record.body.get("job")), record.body.get("type")
        known = self._jobs.get(job)
        if known is None and kind == "finished":
            # The record of its acceptance was damaged. An app that submits the job again gets the result.
            known = self._jobs[job] = _Job(None)
        if kind == "accepted":
            self._leave(job)
            app = sys.intern(str(record.body.get("app", "")))
            self._jobs[job] = _Job(record.seq, app=app)
            self._turns.add(job, app)
        elif kind == "arranged":
            self._turns.arrange(jobs_of(record))
        elif known is None or known.ended is not None:
            # The job's acceptance was lost and it has no result, or it has ended already.
            return
        elif kind == "started":
            known.state = JobState.RUNNING
            known.attempts += 1
            # Counts as a crash until the attempt ends in another way.
            known.falls += 1
            if job in self._turns:
                self._running[job] = self._turns.take(job)
        elif kind == "waiting":
            known.falls -= 1
            known.losses += record.body.get("is_loss") is True
            self._note_cost(job, known.cost + cost_in(record.body), record)
            self._wait_first(job)
        elif kind in _ENDED_BY:
            known.state = _ENDED_BY[str(kind)]
            known.ended, known.ended_at = record.seq, time_of(record, self._clock)
            told = record.body.get("answer") if kind == "finished" else record.body
            self._note_cost(job, max(known.cost, cost_in(told)), record)
            self._leave(job)

    def _whole_cost(self, job: str, cost: float | None) -> float | None:
        """Return the cost of all attempts at a job, of which the last one has this cost."""
        before = self._jobs[job].cost
        if cost is None and not before:
            return None
        return float(before + money(cost or 0.0))

    def _note_cost(self, job: str, whole: Decimal, record: Record) -> None:
        """Note what a job has cost by now."""
        known = self._jobs[job]
        self._spent.add(time_of(record, self._clock), whole - known.cost)
        known.cost = whole

    def _wait_first(self, job: str) -> None:
        self._leave(job)
        known = self._jobs[job]
        known.state = JobState.WAITING
        self._turns.add_first(job, known.app)

    def _leave(self, job: str) -> None:
        """The job does not wait or run any more."""
        self._turns.remove(job)
        self._running.pop(job, None)


def _bound_gap(seconds: float, keep: float) -> float:
    """How much of the time between two records counts towards a job's age."""
    return min(max(0.0, seconds), keep * _LONGEST_GAP)
