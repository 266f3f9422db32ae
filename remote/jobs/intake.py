"""Decides whether the next job may start: at once as a rule, and not while the engine's server is away.

An outage begins when an attempt ends with EngineAway. Then no job starts until a pause is over; then one job
tries alone. Its attempt ends the outage, or makes the next pause longer.

A limit of what may be spent stops the intake in the same way as an outage that nobody but the user can end.

A hold is shorter and no trouble: the server answers, and says that a rate limit is used up for some seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from remote.engines import EngineAway, Hold
from remote.protocol import AWAY

_log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds of the first pause of an outage, and the most. Each pause is twice the one before."""
LONGEST_RETRY_AFTER = 300.0
"""The most seconds that a server may ask for, with Retry-After or by a rate limit."""

_LIMIT_PAUSE = 60.0
"""Seconds until it is looked again whether less was spent in the last day than the limit."""
_UNTOLD_HOLD = 1.0
"""Seconds of a hold that is too short to be told of."""
_LONGEST_REASON = 300
"""Characters."""


@dataclass
class _Outage:
    """A time in which the engine's server is away."""

    reason: str
    pause: float
    """Seconds of the present pause, without what Retry-After adds."""
    until: float
    """When the present pause is over, by the event loop's clock."""
    died: bool
    """Whether the server died during a request; then only a whole answer shows that it is well."""
    for_good: bool
    """Whether no try can succeed until somebody mends the box."""
    trial: str | None = None
    """The job that tries the server now."""
    tried: set[str] = field(default_factory=set)
    """Jobs that have tried it in vain. The others come first, in case one request is the cause."""


@dataclass(frozen=True)
class Preference:
    """Which of the waiting jobs starts next."""

    first: tuple[str, ...] = ()
    """The jobs that come before all others, if they wait."""
    last: frozenset[str] = frozenset()
    """The jobs that start only if no other waits."""
    held: frozenset[str] = frozenset()
    """The jobs that do not start now."""

    def apart(self, suspects: frozenset[str], running: Iterable[str]) -> Preference:
        """The same with one of these suspects at a time."""
        if suspects.isdisjoint(running):
            return self
        return replace(self, last=self.last | suspects, held=suspects)


StopApps = Callable[[str, str], None]
"""Sends the apps away that send jobs. It gets the kind of the Fatal that they are told, and the reason."""
_NO_HOLD = Hold(0.0, "")


class Intake:
    """The gate before the engine's slots. Not thread-safe: its event loop alone calls it."""

    def __init__(
        self, wake: Callable[[], None], tell: Callable[[str], None], stop: StopApps
    ) -> None:
        """`wake` is called when a pause is over; `tell` is called with each new stage: why there is a pause,
        "ready" after an outage, or an empty one when nothing is known. `stop` is called when no job starts
        until the user does something.
        """
        self._wake = wake
        self._tell = tell
        self._stop = stop
        self._outage: _Outage | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._hold = _NO_HOLD
        self._held_until = 0.0
        """By the event loop's clock."""
        self._hold_timer: asyncio.TimerHandle | None = None
        self._told_of_hold = False
        self._limit = ""
        """Why no job may start for what it costs; empty when one may, or nobody was told yet."""
        self._limit_timer: asyncio.TimerHandle | None = None
        self._deaths: Counter[str] = Counter()
        """How often the server died while it worked on each job that has not ended."""

    @property
    def stage(self) -> str:
        """Why no job starts and for how long, as in `Status.stage`; empty when jobs start."""
        outage = self._outage
        if outage is None and self._limit:
            return AWAY + self._limit
        if outage is None:
            left = self._held_until - _now()
            told = left > 0 and self._told_of_hold
            return f"{AWAY}{self._hold.reason}; going on in {left:.0f} s" if told else ""
        left = outage.until - _now()
        again = f"trying again in {left:.0f} s" if left > 0 else "trying again"
        return f"{AWAY}{outage.reason}; {again}"

    @property
    def is_closed_for_good(self) -> bool:
        """Whether no job can be answered until somebody mends the box or its settings."""
        return bool(self._limit) or (self._outage is not None and self._outage.for_good)

    def has_room(self, running: int, slots: int) -> bool:
        """Return whether another job may start beside this many."""
        outage = self._outage
        if outage is not None and (outage.trial is not None or _now() < outage.until):
            return False
        return running < slots and _now() >= self._held_until

    def preference(self) -> Preference:
        """Return which job is to start next. The job that tries the server is the most suspicious one."""
        if self._outage is None:
            return Preference()
        tried = self._outage.tried
        suspects = [job for job, _ in self._deaths.most_common() if job not in tried]
        return Preference(tuple(suspects), frozenset(tried))

    def require_open(self, job: str) -> None:
        """Raise EngineAway if an outage has begun since this job started, and another job is to try the
        server.
        """
        outage = self._outage
        if outage is not None and outage.trial != job:
            raise EngineAway(outage.reason)

    def try_again(self) -> None:
        """End the pause, if no try could succeed and somebody may have mended the box by now."""
        if self._limit:
            self._limit = ""
            self._wake()
        outage = self._outage
        if outage is not None and outage.for_good:
            outage.until = _now()
            self._wake()

    def hold(self, hold: Hold) -> None:
        """Start no job for so many seconds, because a rate limit of the server is used up."""
        until = _now() + min(hold.seconds, LONGEST_RETRY_AFTER)
        if until <= self._held_until:
            return
        self._hold, self._held_until = hold, until
        if self._hold_timer is not None:
            self._hold_timer.cancel()
        self._hold_timer = asyncio.get_running_loop().call_at(until + 0.01, self._end_hold)
        if until - _now() >= _UNTOLD_HOLD:
            self._told_of_hold = True
            self._tell(self.stage)

    def note_limit(self, reason: str) -> None:
        """As much was spent as the settings allow, so the job that is next does not start."""
        if self._limit_timer is not None:
            self._limit_timer.cancel()
        self._limit_timer = asyncio.get_running_loop().call_later(_LIMIT_PAUSE, self._wake)
        if not self._limit:
            _log.warning("no job starts: %s", reason)
            self._limit = reason
            self._tell(self.stage)
            self._stop("limit", reason)

    def note_start(self, job: str) -> None:
        """A job starts. During an outage, it is the one that tries the server."""
        if self._limit:
            self._limit = ""
            self._tell("ready")
        outage = self._outage
        if outage is None:
            return
        if job in outage.tried:
            outage.tried.clear()  # no other job is left that could try
        outage.trial = job

    def note_away(self, job: str, error: EngineAway) -> bool:
        """An attempt ended with EngineAway: begin a pause, or a longer one if this job tried the server.

        Returns whether the server died while it worked on this job alone, so that the job may be the cause.
        """
        outage, now = self._outage, _now()
        if error.died:
            self._deaths[job] += 1
        asked = now + min(error.retry_after or 0.0, LONGEST_RETRY_AFTER)
        is_verdict = error.for_good and (outage is None or outage.trial == job)
        if outage is None:
            _log.warning("no job starts while the model server is away: %s", first_line(error))
            outage = _Outage(_reason(error), FIRST_PAUSE, now, error.died, error.for_good)
            self._outage = outage
            self._pause_until(max(now + outage.pause, asked))
        elif outage.trial == job:
            outage.reason, outage.for_good = _reason(error), error.for_good
            outage.pause = min(outage.pause * 2, LONGEST_PAUSE)
            outage.tried.add(job)
            self._pause_until(max(now + outage.pause, asked))
        elif asked > outage.until:
            self._pause_until(asked)
        outage.died = outage.died or error.died
        if is_verdict:
            self._stop("server", outage.reason)
        return error.died and outage.trial == job

    def note_gone(self, job: str) -> None:
        """An attempt ended with EngineGone. That begins and ends no outage, but another job tries next."""
        if self._outage is not None and self._outage.trial == job:
            self._outage.tried.add(job)

    def note_text(self, job: str) -> None:
        """The engine has begun an answer to this job."""
        if self._outage is not None and not self._outage.died:
            self._end_outage(job)

    def note_answer(self, job: str) -> None:
        """The engine has answered this job, or failed at it although its server is there."""
        self._end_outage(job)

    def note_idle(self) -> None:
        """No job waits or runs, so nobody tries the server and nothing is known of it."""
        if self._outage is not None:
            self._outage = None
            self._cancel_timer()
            self._tell("")

    def note_free(self, job: str) -> None:
        """The job's attempt has ended, in whatever way; another job may try the server."""
        if self._outage is not None and self._outage.trial == job:
            self._outage.trial = None

    def forget(self, job: str) -> None:
        """The job has ended."""
        self._deaths.pop(job, None)

    def close(self) -> None:
        """Cancel the timers."""
        self._cancel_timer()
        for timer in (self._hold_timer, self._limit_timer):
            if timer is not None:
                timer.cancel()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end_hold(self) -> None:
        if self._told_of_hold and self._outage is None:
            self._tell("ready")
        self._told_of_hold = False
        self._wake()

    def _end_outage(self, job: str) -> None:
        """End the outage, if this job tried the server. One that was in time may say nothing of it now."""
        if self._outage is not None and self._outage.trial == job:
            self._outage = None
            self._cancel_timer()
            _log.info("the model server is there again")
            self._tell("ready")
            self._wake()

    def _pause_until(self, until: float) -> None:
        assert self._outage is not None  # noqa: S101 - for mypy
        self._outage.until = until
        self._cancel_timer()
        # A moment later, so that the pause is over by the clock when the timer fires.
        self._timer = asyncio.get_running_loop().call_at(until + 0.01, self._wake)
        self._tell(self.stage)


def _now() -> float:
    return asyncio.get_running_loop().time()


def first_line(error: Exception) -> str:
    """Return an error without the lines of the server's log below it, which stand in the log already."""
    return str(error).partition("\n")[0]


def _reason(error: EngineAway) -> str:
    """The beginning of the error; the rest belongs to a log."""
    return first_line(error)[:_LONGEST_REASON]
