"""Reports what a box says of the present moment: text while it is written, log lines, and the box's state."""

from __future__ import annotations

from collections.abc import Callable

from backend.dispatch.jobs.ledger import Ledger
from backend.dispatch.preparing.prepare import Ready
from backend.dispatch.sending.flight import Flights
from backend.events import LONGEST_STAGE, BoxLog, BoxStatus, EngineStarting, Event
from remote.protocol import Delta, EngineStage, FromBox, Log, Started, Status


class MomentReporter:
    """Reports the moments of one run on one box. What it misses is in no journal and lost."""

    def __init__(
        self, box: str, ledger: Ledger, flights: Flights[Ready], watch: Callable[[Event], None]
    ) -> None:
        """`box` is the box's name; `watch` is called with every event."""
        self._box = box
        self._ledger = ledger
        self._flights = flights
        self._watch = watch

    async def hear(self, message: FromBox) -> None:
        """Report a message without a `seq`, if it says something of the present moment."""
        match message:
            case Started():
                await self._hear_started(message)
            case Delta():
                self._hear_text(message)
            case EngineStage():
                self._watch(EngineStarting(self._box, message.stage[:LONGEST_STAGE], message.time))
            case Log():
                log = (message.time, message.level, message.source, message.text)
                self._watch(BoxLog(self._box, *log))
            case Status():
                self._watch(BoxStatus.of(self._box, message))

    async def _hear_started(self, started: Started) -> None:
        if flight := self._flights.get(started.job):
            flight.heard = 0
            jobs = self._ledger.active(flight.jobs)
            await self._ledger.note_started(jobs, started.attempt, started.reason)

    def _hear_text(self, piece: Delta) -> None:
        if flight := self._flights.get(piece.job):
            if 0 <= piece.offset <= flight.heard:
                flight.heard = piece.offset + len(piece.text)
            jobs = self._ledger.active(flight.jobs)
            self._ledger.note_text(jobs, piece.offset, piece.text)
