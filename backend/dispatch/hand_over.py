"""Reports how far a run is handed over to its box. A box that has every job needs this program no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from backend.box.links.link import Box
from backend.dispatch.jobs.ledger import Ledger
from backend.dispatch.jobs.waiting_jobs import WaitingJobs
from backend.dispatch.preparing.prepare import Ready
from backend.dispatch.sending.flight import Flights
from backend.dispatch.sending.last_welcome import LastWelcome
from backend.events import HandedOver, HandingOver

TELL_SECONDS = 1.0
"""The least seconds between two reports, because the jobs that the box has are counted for each."""


class HandOver:
    """How far the jobs of one run are handed over to one box."""

    def __init__(
        self,
        box: Box,
        flights: Flights[Ready],
        ledger: Ledger,
        waiting: WaitingJobs,
        last_welcome: LastWelcome,
        watch: Callable[[HandingOver | HandedOver], None],
    ) -> None:
        """`watch` is called with every event."""
        self._box = box
        self._flights = flights
        self._ledger = ledger
        self._waiting = waiting
        self._last_welcome = last_welcome
        self._watch = watch
        self.is_wanted = False
        """Whether the box is given all jobs as soon as it takes them. It may change at any time."""
        self._has_begun = False
        """Whether a HandingOver was reported."""
        self._is_complete = False
        """Whether a HandedOver was reported, and no job was added since."""
        self._puts = 0
        """`WaitingJobs.puts` when that was looked at last."""
        self._pause: asyncio.TimerHandle | None = None
        """The pause after the last report."""
        self._is_due = False
        """Whether there is something to report after the pause."""

    def begin_anew(self) -> None:
        """Note that jobs were added which the box does not have yet."""
        self._is_complete = False

    def look(self) -> None:
        """Report how many jobs the box has, or that it has all.

        To be called whenever the box has accepted a request or has ended one.
        """
        if self._puts != self._waiting.puts:
            # Of a job that the box had, another answer may be drawn.
            self._puts = self._waiting.puts
            self._is_complete = False
        if self._is_complete or not self.is_wanted or not self._last_welcome.can_ask:
            return
        if self._ledger.is_kept_open:
            return  # its fleet has jobs that no box has
        if self._ledger.postponed == 0 and not self._waiting and self._flights.are_all_accepted:
            self._tell_end()
        elif self._pause is None:
            self._tell_progress()
        else:
            self._is_due = True

    def close(self) -> None:
        """Report nothing more."""
        if self._pause is not None:
            self._pause.cancel()

    def _tell_end(self) -> None:
        on_box, jobs = self._count()
        is_worth_telling = self._has_begun or jobs > self._last_welcome.slots
        if jobs and on_box == jobs and is_worth_telling:
            self._is_complete = True
            self._watch(HandedOver(self._box.name, jobs, is_here=not self._box.host))

    def _tell_progress(self) -> None:
        self._is_due = False
        on_box, jobs = self._count()
        if jobs > self._last_welcome.slots:
            self._has_begun = True
            self._watch(HandingOver(self._box.name, on_box, jobs))
        self._pause = asyncio.get_running_loop().call_later(TELL_SECONDS, self._end_pause)

    def _end_pause(self) -> None:
        self._pause = None
        if self._is_due and self.is_wanted and not self._is_complete:
            self._tell_progress()

    def _count(self) -> tuple[int, int]:
        """Return how many jobs the box has on its disk, and how many are left.

        Jobs for which the box has no room now are left, too, though they are not part of the run any more.
        """
        there = [flight for flight in self._flights if flight.cargo is None]
        on_box = sum(self._ledger.is_active(job) for flight in there for job in flight.jobs)
        return on_box, len(self._ledger.numbers) + self._ledger.postponed
