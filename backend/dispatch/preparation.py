"""Prepares the jobs of one run, one after the other, and ends those whose request cannot be made."""

from __future__ import annotations

import asyncio

from backend.dispatch.jobs.draws import awaited_identity
from backend.dispatch.jobs.ledger import Ledger
from backend.dispatch.jobs.waiting_jobs import WaitingJobs
from backend.dispatch.preparing.media_fetching import fetch_media
from backend.dispatch.preparing.prepare import Preparer, Ready
from backend.dispatch.sending.flight import Flights
from backend.dispatch.sending.last_welcome import LastWelcome
from backend.dispatch.user_requests import UserRequests
from backend.errors import BoxOutdated, UpsampleError
from backend.fetching import Fetcher
from backend.store import Job, Store


class Preparation:
    """Makes the requests of the jobs that wait for that."""

    def __init__(
        self,
        store: Store,
        preparer: Preparer,
        fetcher: Fetcher | None,
        waiting: WaitingJobs,
        ledger: Ledger,
        flights: Flights[Ready],
        user_requests: UserRequests,
        last_welcome: LastWelcome,
    ) -> None:
        """`fetcher` fetches media that are named by an address; None where that is not allowed."""
        self._store = store
        self._preparer = preparer
        self._fetcher = fetcher
        self._waiting = waiting
        self._ledger = ledger
        self._flights = flights
        self._user_requests = user_requests
        self._last_welcome = last_welcome
        self.unsendable: dict[int, str] = {}
        """Why jobs cannot be sent again whose earlier requests the box may have, by job number."""

    async def run(self) -> None:
        """Prepare one job after the other, until this task is cancelled. Several may run at once."""
        while True:
            number = await self._waiting.next()
            if self._user_requests.asks_to_cancel(number):
                await self._ledger.cancel(self._ledger.active([number]))
            for job in self._ledger.active([number]):
                await self._prepare(job)

    async def _prepare(self, job: Job) -> None:
        """Prepare a job, and put it among those that can be sent."""
        await self._ledger.prepare(job)
        self.unsendable.pop(job.number, None)
        try:
            if not await fetch_media(self._fetcher, job, self._ledger.is_active):
                return
            ready = await self._preparer.prepare(job)
        except UpsampleError as error:
            await self._fail_unprepared(job, error)
            return
        await self._ledger.note_prepared(ready)
        if not await self._ledger.finish_from_store(ready.identity, [job]):
            self._flights.join(ready.identity, job.number)
            await self._waiting.put_ready(ready)

    async def _fail_unprepared(self, job: Job, error: UpsampleError) -> None:
        """Fail a job whose request cannot be made any more, unless its earlier request has an answer.

        The answer may be stored here, or wait on the box. A job that only a newer box can take is postponed.
        """
        if isinstance(error, BoxOutdated):
            await self._ledger.postpone([job], str(error))
            return
        known = await asyncio.to_thread(self._store.jobs, [job.number])
        identity = awaited_identity(known[0]) if known else None
        if identity is not None:
            if await self._ledger.finish_from_store(identity, [job]):
                return
            await self._last_welcome.wait()
        if identity is not None and self._last_welcome.can_ask:
            self.unsendable[job.number] = str(error)
            self._flights.believe(identity, job.number)
        else:
            await self._ledger.fail([job], str(error))
