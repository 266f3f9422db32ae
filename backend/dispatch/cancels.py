"""Carries out cancel requests while a run goes on, whichever process made them.

A cancel request stays in the queue's file until its job has ended, so it survives the process that made
it and the process that carries it out. A job that was not sent is cancelled in the queue's file. A job
whose request may be on the box is cancelled there, unless another job needs that request. A box ignores
the Cancel of a request that it does not have, so a Cancel is sent only for requests that were sent over the
same link; the box then answers with Cancelled, Finished, Failed or Refused.
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

_POLL_SECONDS = 0.25
"""Seconds between two polls for cancel requests of other processes."""


class Cancels:
    """The cancel requests of one run on one box."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        box: str,
        in_flight: MutableMapping[str, Ready | None],
        *,
        alone: bool,
    ) -> None:
        """`in_flight` maps the identity of each request that may be on the box to its Ready, or to None once
        the box has accepted it.

        With `alone`, this run also cancels unsent jobs of other boxes; otherwise those boxes have runs of
        their own.
        """
        self._store = store
        self._ledger = ledger
        self._box = box
        self._in_flight = in_flight
        self._alone = alone
        self._asked: set[int] = set()
        """Numbers of the jobs that had a cancel request at the last poll."""
        self._asked_anew = asyncio.Event()
        self._wanted: dict[str, frozenset[int]] = {}
        """The jobs for which a request is to be cancelled on the box, by the request's identity."""
        self._deferred: defaultdict[str, list[Job]] = defaultdict(list)
        """Jobs that need a request which is being cancelled, by its identity; they send it again later."""
        self._reached: set[str] = set()
        """Identities of the requests that are on the box, or were sent over this link."""
        self._told: set[str] = set()
        """Identities of the requests whose Cancel was sent over this link."""
        self._changed = asyncio.Event()

    # --- in the queue's file ---

    async def ask(self, numbers: Iterable[int]) -> None:
        """Request that jobs be cancelled; the request is on the disk when this returns."""
        await asyncio.to_thread(self._store.ask_to_cancel, list(numbers))
        self._asked_anew.set()

    def is_requested(self, number: int) -> bool:
        """Whether the job had a cancel request at the last poll."""
        return number in self._asked

    def forget_requests(self, numbers: Iterable[int]) -> None:
        """Clear the cancel requests of jobs that were queued again.

        Queuing removed them from the file. The next poll finds requests that were made after that.
        """
        self._asked.difference_update(numbers)

    async def poll(self) -> None:
        """Poll for cancel requests and apply them, until this task is cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._asked_anew.wait()
            self._asked_anew.clear()
            await self.apply_requests()

    async def apply_requests(self) -> None:
        """Cancel the jobs that no box has, and mark the other requests for `send`."""
        jobs = await asyncio.to_thread(self._store.asked_to_cancel)
        self._asked = {job.number for job in jobs}
        for job in jobs:
            if not self._ledger.knows(job.number):
                self._adopt(job)
        unsent = {job.number: job for job in jobs if self._ledger.is_active(job.number)}
        for identity in self._in_flight:
            answered = frozenset(job.number for job in self._ledger.jobs_of(identity))
            if answered and answered <= self._asked and identity not in self._wanted:
                self._wanted[identity] = answered
                self._changed.set()
            for number in self.wanted_for(identity):
                unsent.pop(number, None)
        await self._ledger.cancel(unsent.values())

    def _adopt(self, job: Job) -> None:
        """Add a job of another run to this run, unless another box or its run has the job."""
        if not job.state.on_box:
            if self._alone or job.box == self._box:
                self._ledger.adopt(job)
        elif job.box == self._box and job.identity:
            self._ledger.adopt(job)
            if self._in_flight.setdefault(job.identity, None) is None:
                self._reached.add(job.identity)

    # --- on the box ---

    async def send(self, link: Link) -> None:
        """Send a Cancel for each marked request, until this task is cancelled. Raises BoxUnreachable."""
        while True:
            self._changed.clear()
            for identity in self._wanted.keys() & self._reached - self._told:
                self._told.add(identity)
                await link.send(Cancel(identity))
            await self._changed.wait()

    def begin_link(self) -> None:
        """Reset what was sent, for a new link over which no request and no Cancel was sent yet."""
        self._reached = {identity for identity, ready in self._in_flight.items() if ready is None}
        self._told.clear()

    def note_reached(self, identity: str) -> None:
        """Note that the request was sent over the link."""
        self._reached.add(identity)
        self._changed.set()

    def wanted_for(self, identity: str) -> frozenset[int]:
        """The jobs for which the request is being cancelled; empty when it is not being cancelled."""
        return self._wanted.get(identity, frozenset())

    def defer(self, identity: str, job: Job) -> None:
        """Note that another job needs the request; if it is being cancelled, the job must send it again."""
        if identity in self._wanted:
            self._deferred[identity].append(job)

    def forget(self, identity: str) -> list[Job]:
        """Drop a request that is no longer in flight. Returns the jobs that were deferred until then."""
        self._wanted.pop(identity, None)
        self._reached.discard(identity)
        self._told.discard(identity)
        return self._deferred.pop(identity, [])
