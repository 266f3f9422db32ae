"""Carries out what users ask for while a run goes on: to cancel, pause and move jobs, from whichever process.

What a user asks for stays in the queue's file until it is carried out or cannot be, so it survives the
process that asked and the process that carries it out. A job that was not sent is cancelled or paused in the
queue's file. A job whose request may be on the box is cancelled there, unless another job needs that request;
to pause it is to cancel it there and keep it here, as long as no engine has begun with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence, Set

from backend.dispatch.jobs.ledger import Ledger
from backend.dispatch.preparing.prepare import Ready
from backend.dispatch.sending.flight import Flights
from backend.events import Event, JobPaused
from backend.store import Job, State, Store


async def cancel_unsent(
    store: Store, watch: Callable[[Event], None], box: str, jobs: Iterable[Job]
) -> None:
    """Cancel those of these jobs of a box that no box has. To be used where the box has no run."""
    of_box = [job for job in jobs if job.box == box and job.state.unsent]
    ledger = Ledger(store, box, watch, force=False)
    for job in of_box:
        ledger.adopt(job)
    await ledger.cancel(of_box)


async def pause_unsent(
    store: Store, watch: Callable[[Event], None], numbers: Iterable[int]
) -> None:
    """Pause those of these jobs that no box has. To be used where their boxes have no run."""
    for job in await asyncio.to_thread(store.pause_unsent, numbers):
        watch(JobPaused(job.number, job.name))


async def pause_untaken(
    store: Store, watch: Callable[[Event], None], jobs: Sequence[Job]
) -> list[Job]:
    """Pause those of these jobs that no box of their fleet has taken. Returns all, as they are now."""
    numbers = [job.number for job in jobs if job.is_untaken]
    # With the request, no box takes them any more.
    await asyncio.to_thread(store.ask_to_pause, numbers)
    asked = await asyncio.to_thread(store.jobs, numbers)
    await pause_unsent(store, watch, [job.number for job in asked if job.is_untaken])
    return await asyncio.to_thread(store.jobs, [job.number for job in jobs])


class UserRequests:
    """What users ask of one run on one box."""

    def __init__(
        self, store: Store, ledger: Ledger, box: str, flights: Flights[Ready], *, alone: bool
    ) -> None:
        """With `alone`, this run also cancels and pauses unsent jobs of other boxes; otherwise those boxes
        have runs of their own.
        """
        self._store = store
        self._ledger = ledger
        self._box = box
        self._flights = flights
        self._alone = alone
        self._to_cancel: set[int] = set()
        """Numbers of the jobs that had a cancel request when the queue's file was read last."""

    def asks_to_cancel(self, number: int) -> bool:
        """Whether the job had a cancel request when the queue's file was read last."""
        return number in self._to_cancel

    def forget(self, numbers: Iterable[int]) -> None:
        """Forget the cancel requests of jobs that were queued again, which removed them from the file."""
        self._to_cancel.difference_update(numbers)

    async def ask_to_cancel(self, numbers: Iterable[int]) -> None:
        """Store cancel requests for these jobs, and carry out all that there are."""
        await asyncio.to_thread(self._store.ask_to_cancel, list(numbers))
        await self.cancel_asked()

    async def cancel_asked(self) -> None:
        """Cancel the jobs with a cancel request: here, or on the box if it may have them."""
        jobs = await asyncio.to_thread(self._store.asked_to_cancel)
        self._to_cancel = {job.number for job in jobs}
        if not jobs:
            return
        for job in jobs:
            if not self._ledger.knows(job.number):
                self._adopt(job)
            elif job.state.on_box and job.identity and self._ledger.is_active(job.number):
                # While a run begins, its jobs are known, and their requests are not in flight yet.
                self._flights.believe(job.identity, job.number)
        here = {job.number: job for job in jobs if self._ledger.is_active(job.number)}
        for flight in self._flights:
            answered = {job.number for job in self._ledger.active(flight.jobs)}
            if answered and answered <= self._to_cancel and not flight.cancelled_for:
                flight.cancelled_for = answered
                self._flights.signal(flight)
            for number in flight.cancelled_for:
                here.pop(number, None)
        await self._ledger.cancel(here.values())

    def _adopt(self, job: Job) -> None:
        """Add a job of another run to this run, unless another box or its run has the job."""
        if not job.state.on_box:
            if self._alone or job.box == self._box:
                self._ledger.adopt(job)
        elif job.box == self._box and job.identity:
            self._ledger.adopt(job)
            self._flights.believe(job.identity, job.number)

    async def pause(self, numbers: Iterable[int]) -> None:
        """Pause those of these jobs that belong to the box and wait, here or there.

        They leave the run, and jobs that are not in the run yet do not join it.
        """
        found = await asyncio.to_thread(self._store.jobs, numbers)
        jobs = [job for job in found if job.box == self._box and not job.state.ended]
        for job in jobs:
            if not self._ledger.knows(job.number) and job.state is State.QUEUED:
                self._ledger.adopt(job)
        # Computed after the await: a job that was sent during it is not paused.
        in_flight = {number for flight in self._flights for number in flight.jobs}
        await self._ledger.pause([job for job in jobs if job.number not in in_flight])
        self._pause_on_box({job.number for job in jobs if job.state is State.SENT})

    def _pause_on_box(self, numbers: Set[int]) -> None:
        """Take back the requests of these jobs. A request that other jobs need, too, goes on for all."""
        for flight in self._flights if numbers else ():
            answered = {job.number for job in self._ledger.active(flight.jobs)}
            if answered and answered <= numbers and not flight.cancelled_for:
                flight.cancelled_for, flight.is_pause = answered, True
                self._flights.signal(flight)

    def _is_being_paused(self, number: int) -> bool:
        return any(flight.is_pause and number in flight.cancelled_for for flight in self._flights)

    async def pause_asked(self) -> None:
        """Pause the jobs with a pause request, and remove the requests."""
        asked = await asyncio.to_thread(self._store.asked_to_pause)
        ours = [job.number for job in asked if job.box == self._box]
        await self.pause(ours)
        # The process that asked sees that its request is gone: the job cannot be paused any more.
        cannot = [number for number in ours if not self._is_being_paused(number)]
        await asyncio.to_thread(self._store.withdraw_pauses, cannot)
        if self._alone:
            of_other_boxes = [job.number for job in asked if job.box != self._box]
            await asyncio.to_thread(self._store.pause_unsent, of_other_boxes)
