"""The jobs of a run that are not in flight: those whose frames are to be drawn, and those that are ready."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Mapping

from backend.dispatch.jobs.priority_queue import PriorityQueue
from backend.dispatch.preparing.prepare import Ready
from backend.dispatch.preparing.processors import drawings_at_once
from backend.store import Job

PREPARED_AHEAD = max(16, 2 * drawings_at_once())
"""How many jobs may have their frames drawn before the box takes them."""


class WaitingJobs:
    """Gives out jobs by their places in the queue, which may change while they wait."""

    def __init__(self, may_send: asyncio.Event | None) -> None:
        """While `may_send` is cleared, no job is given out to be sent; without one, all are."""
        if may_send is None:
            may_send = asyncio.Event()
            may_send.set()
        self._may_send = may_send
        self.puts = 0
        """How often a job was added whose frames are to be drawn."""
        self._places: dict[int, float] = {}
        """The place of each job, by its number, as it was heard last."""
        self._to_prepare: PriorityQueue[int] = PriorityQueue(self.place_of)
        self._ready: PriorityQueue[Ready] = PriorityQueue(
            lambda ready: self._places.get(ready.job.number, ready.job.place), PREPARED_AHEAD
        )

    def __bool__(self) -> bool:
        return not (self._to_prepare.empty() and self._ready.empty())

    def put(self, job: Job) -> None:
        """Add a job whose frames are to be drawn."""
        self.puts += 1
        self._places.setdefault(job.number, job.place)
        self._to_prepare.put_nowait(job.number)

    async def next(self) -> int:
        """Wait for the next job whose frames are to be drawn, and return its number."""
        return await self._to_prepare.get()

    async def put_ready(self, ready: Ready) -> None:
        """Add a job that can be sent, once fewer than PREPARED_AHEAD wait for that."""
        await self._ready.put(ready)

    def numbers(self) -> list[int]:
        """Return the numbers of the jobs that wait here, those first that will be sent first."""
        ready = [it.job.number for it in self._ready.items()]
        return ready + self._to_prepare.items()

    def withdraw(self, numbers: Collection[int]) -> list[int]:
        """Take those of these jobs away that wait here, and return their numbers."""
        ready = self._ready.withdraw(lambda ready: ready.job.number in numbers)
        waiting = self._to_prepare.withdraw(lambda number: number in numbers)
        return [*waiting, *(it.job.number for it in ready)]

    @property
    def may_send(self) -> bool:
        """Whether jobs are given out to be sent."""
        return self._may_send.is_set()

    async def next_ready(self) -> Ready:
        """Wait for the next job to be sent."""
        await self._may_send.wait()
        ready = await self._ready.get()
        try:
            await self._may_send.wait()
        except asyncio.CancelledError:
            # The link broke while nothing could be sent.
            self.put(ready.job)
            raise
        return ready

    def reorder(self, places: Mapping[int, float]) -> bool:
        """Give jobs, by number, new places. Returns whether a job that was known has another place now."""
        has_moved = any(self._places.get(number, it) != it for number, it in places.items())
        self._places |= places
        if has_moved:
            self._to_prepare.sort_again()
            self._ready.sort_again()
        return has_moved

    def forget_place(self, number: int) -> None:
        """Let a job that is queued again go to the end, wherever it was before."""
        self._places.pop(number, None)

    def place_of(self, number: int) -> float:
        """Return the place of a job; a job of which none was heard comes last."""
        return self._places.get(number, math.inf)
