"""Hears what a box does with requests whose jobs were given to another box.

The box may have been away, and answer when it is back: the first answer to a job counts, and the second one
is kept as a candidate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from backend.dispatch.jobs.done_event import done_event
from backend.dispatch.jobs.ledger import Ledger
from backend.dispatch.jobs.second_answers import keep_second_answer
from backend.dispatch.preparing.prepare import Ready
from backend.dispatch.sending.flight import Flights
from backend.errors import UpsampleError
from backend.events import Event
from backend.results.writing import profile_of, prompt_in
from backend.store import State, Store
from remote.protocol import Answer, Cancelled, Durable, Failed, Finished

LetGo = Callable[[int], Awaitable[None]]
"""Lets every other box of this process let go of a job that is done."""


async def _no_others(_: int) -> None:
    """There are no other boxes."""


class LeftBehind:
    """What one box may still answer though its jobs belong to another one."""

    def __init__(
        self,
        store: Store,
        box: str,
        ledger: Ledger,
        flights: Flights[Ready],
        watch: Callable[[Event], None],
        others: LetGo | None = None,
    ) -> None:
        """`watch` is called with every event; `others` lets the other boxes of this process let go of a
        job.
        """
        self._store = store
        self._box = box
        self._ledger = ledger
        self._flights = flights
        self._watch = watch
        self._others = others or _no_others
        self._jobs: dict[str, set[int]] = {}
        """The jobs that each request is for, by its identity."""

    async def look(self) -> None:
        """Read which jobs were given to another box. Those that are part of the run leave it."""
        rows = await asyncio.to_thread(self._store.left_behind, self._box)
        if not rows:
            return
        known = self._jobs
        self._jobs = {}
        for identity, number in rows:
            if identity:
                self._jobs.setdefault(identity, set()).add(number)
            await self._leave(number)
        if any(not identity for identity, _ in rows):
            await asyncio.to_thread(self._store.forget_left_behind, self._box, "")
        for identity in self._jobs.keys() - known.keys():
            self._flights.believe(identity)

    async def lose(self, number: int) -> None:
        """Let go of a job that another box has answered, and cancel it on this one."""
        if not self._ledger.is_active(number):
            return
        for flight in self._flights:
            if flight.jobs == {number}:
                self._flights.ask_instead(flight)
                await self._note(flight.identity, number)
                flight.cancelled_for = frozenset((number,))
                self._flights.signal(flight)
        await self._ledger.drop(self._ledger.active([number]))

    async def tell_others(self, numbers: Iterable[int]) -> None:
        """Let the other boxes let go of jobs that this one has answered, should they have them by now."""
        for number in numbers:
            await self._others(number)

    async def _leave(self, number: int) -> None:
        """Let a job leave the run. What the box has of it is awaited as left behind."""
        for flight in self._flights:
            if number in flight.jobs:
                flight.jobs.discard(number)
                if not flight.jobs:
                    self._flights.ask_instead(flight)
                await self._note(flight.identity, number)
        await self._ledger.drop(self._ledger.active([number]))

    async def _note(self, identity: str, number: int) -> None:
        self._jobs.setdefault(identity, set()).add(number)
        note = self._store.note_left_behind
        await asyncio.to_thread(note, self._box, identity, number)

    async def hear(self, message: Durable) -> None:
        """Hear how the box has ended a request."""
        numbers = self._jobs.get(message.job)
        if numbers is None:
            return
        match message:
            case Finished():
                keep = self._store.keep_answer
                await asyncio.to_thread(keep, message.job, self._box, message.answer)
                for number in sorted(numbers):
                    await self._settle(number, message.job, message.answer)
            case Failed() | Cancelled():
                pass
            case _:
                return
        await self.forget(message.job)

    async def forget(self, identity: str) -> None:
        """Wait no more for a request that the box has ended, or does not have."""
        if self._jobs.pop(identity, None) is not None:
            await asyncio.to_thread(self._store.forget_left_behind, self._box, identity)

    async def _settle(self, number: int, identity: str, answer: Answer) -> None:
        found = await asyncio.to_thread(self._store.jobs, [number])
        if not found:
            return
        (job,) = found
        if job.state is State.DONE and (job.box, job.identity) == (self._box, identity):
            return  # it was heard before anybody here knew that the job was given away
        try:
            cleaned = await asyncio.to_thread(lambda: prompt_in(answer, job, profile_of(job)))
        except UpsampleError:
            return  # what cannot be used is no answer
        if await asyncio.to_thread(self._store.finish, number, answer, self._box, identity):
            self._watch(done_event(job, cleaned.text, answer, answer.cost))
            await self._others(number)
            await self._ledger.files.deliver(job.destination, is_of_other_run=True)
        else:
            await keep_second_answer(self._store, self._watch, job, self._box, identity)
