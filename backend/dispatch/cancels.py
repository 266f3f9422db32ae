"""What is asked to be cancelled while a run goes on, by whomever, and how that is done.

A request lies in the queue's file until its job has ended, so it outlives the process that left it and
the one that heeds it. A job that is here alone is cancelled here. One whose request may be on the box is
cancelled there, when no other job wants that request. A box that does not have a request says nothing to
its cancel, so it is told only of what was sent over the same link; then it answers with one of Cancelled,
Finished, Failed and Refused.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, MutableMapping

from backend.box.link import Link
from backend.dispatch.ledger import Ledger
from backend.dispatch.prepare import Ready
from backend.store import Job, Store
from remote.protocol import Cancel

_LOOK_SECONDS = 0.25
"""Between two looks at what other processes ask for."""


class Cancels:
    """The cancels of one run on one box."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        box: str,
        in_flight: MutableMapping[str, Ready | None],
        *,
        alone: bool,
    ) -> None:
        """`in_flight`: by identity, what may be on the box; None once it is known to be.

        When it is not `alone`, runs on other boxes see to the jobs of these.
        """
        self._store = store
        self._ledger = ledger
        self._box = box
        self._in_flight = in_flight
        self._alone = alone
        self._asked: set[int] = set()
        self._asked_anew = asyncio.Event()
        self._wanted: dict[str, frozenset[int]] = {}
        """By identity: the jobs for which the request is to be cancelled on the box."""
        self._held: defaultdict[str, list[Job]] = defaultdict(list)
        self._reached: set[str] = set()
        """Requests that are on the box, or were sent over this link."""
        self._told: set[str] = set()
        """Requests whose cancel was sent over this link."""
        self._changed = asyncio.Event()

    # --- here ---

    async def ask(self, numbers: Iterable[int]) -> None:
        """Ask for jobs to be cancelled; the request is on the disk when this returns."""
        await asyncio.to_thread(self._store.ask_to_cancel, list(numbers))
        self._asked_anew.set()

    def is_asked(self, number: int) -> bool:
        """Whether the job was asked to be cancelled when that was last looked at."""
        return number in self._asked

    def take_back(self, numbers: Iterable[int]) -> None:
        """These jobs are queued anew, which took back the request; of one made since, the next look tells."""
        self._asked.difference_update(numbers)

    async def look(self) -> None:
        """Heed requests as they come, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._asked_anew.wait()
            self._asked_anew.clear()
            await self.heed()

    async def heed(self) -> None:
        """Cancel what is here alone, and see to it that the box is told of the rest."""
        jobs = await asyncio.to_thread(self._store.asked_to_cancel)
        self._asked = {job.number for job in jobs}
        for job in jobs:
            if not self._ledger.knows(job.number):
                self._adopt(job)
        here = {job.number: job for job in jobs if self._ledger.is_left(job.number)}
        for identity in self._in_flight:
            answered = frozenset(job.number for job in self._ledger.jobs_of(identity))
            if answered and answered <= self._asked and identity not in self._wanted:
                self._wanted[identity] = answered
                self._changed.set()
            for number in self.wanted_for(identity):
                here.pop(number, None)
        await self._ledger.cancel(here.values())

    def _adopt(self, job: Job) -> None:
        """Take in a job of another run, unless another box or the run there has it."""
        if not job.state.on_box:
            if self._alone or job.box == self._box:
                self._ledger.adopt(job)
        elif job.box == self._box and job.identity:
            self._ledger.adopt(job)
            if self._in_flight.setdefault(job.identity, None) is None:
                self._reached.add(job.identity)

    # --- on the box ---

    async def send(self, link: Link) -> None:
        """Tell the box what to cancel, until cancelled. Raises BoxUnreachable."""
        while True:
            self._changed.clear()
            for identity in self._wanted.keys() & self._reached - self._told:
                self._told.add(identity)
                await link.send(Cancel(identity))
            await self._changed.wait()

    def begin_link(self) -> None:
        """A new link: nothing was told over it yet."""
        self._reached = {identity for identity, ready in self._in_flight.items() if ready is None}
        self._told.clear()

    def note_reached(self, identity: str) -> None:
        """The request was sent over the link."""
        self._reached.add(identity)
        self._changed.set()

    def wanted_for(self, identity: str) -> frozenset[int]:
        """The jobs for which the request is to be cancelled; none when it is not."""
        return self._wanted.get(identity, frozenset())

    def hold(self, identity: str, job: Job) -> None:
        """Another job wants the request; if that is being cancelled, it must be made anew after that."""
        if identity in self._wanted:
            self._held[identity].append(job)

    def forget(self, identity: str) -> list[Job]:
        """The request is not on its way any more. Returns the jobs that were held."""
        self._wanted.pop(identity, None)
        self._reached.discard(identity)
        self._told.discard(identity)
        return self._held.pop(identity, [])
