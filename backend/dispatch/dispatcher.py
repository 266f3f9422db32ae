"""Brings a set of jobs to one box and its answers back: queued jobs → frames → box → results.

Three things happen at the same time: frames are drawn for the next jobs, requests are kept in flight on the
box, and answers are stored and written as they arrive. Stopping it at any moment loses nothing: each job is
in the queue's file, on the box's disk, or in both, and the next run continues from there.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from functools import partial

from backend.box.asker import Asker
from backend.box.links.link import Box, JournalCursor, Link
from backend.box.links.reconnect import LinkKeeper
from backend.config import Ahead
from backend.dispatch.fleet import FleetMember
from backend.dispatch.hand_over import HandOver
from backend.dispatch.jobs.ledger import Ledger
from backend.dispatch.jobs.waiting_jobs import WaitingJobs
from backend.dispatch.jobs.without_pause import without_pause
from backend.dispatch.left_behind import LeftBehind
from backend.dispatch.moments import MomentReporter
from backend.dispatch.preparation import Preparation
from backend.dispatch.preparing.count_watch import CountWatch
from backend.dispatch.preparing.picture_cache import trim_kept
from backend.dispatch.preparing.prepare import Preparer, Ready
from backend.dispatch.preparing.processors import drawings_at_once
from backend.dispatch.sending.courier import ASK_SINCE, Courier, End, Recipient
from backend.dispatch.sending.flight import Flight, Flights, FlightState
from backend.dispatch.sending.last_welcome import LastWelcome
from backend.dispatch.sending.retries import MOST_RESENT, RETRIES, trouble_of_refusal
from backend.dispatch.taker import Taker
from backend.dispatch.user_requests import UserRequests
from backend.errors import BoxUnreachable, InputError, first_of
from backend.events import Event
from backend.fetching import Fetcher
from backend.files.index import default_index
from backend.store import Job, Store
from backend.video import VideoIndex
from remote.protocol import (
    Cancelled,
    Durable,
    Failed,
    Finished,
    FromBox,
    ProtocolError,
    Refused,
    Welcome,
)

PREPARED_AT_ONCE = drawings_at_once()
"""How many jobs are prepared at the same time, each by an ffmpeg."""


class Dispatcher(Recipient[Ready]):
    """Runs a set of jobs on one box until each has ended or is postponed. An instance is used for one run."""

    def __init__(
        self,
        store: Store,
        box: Box,
        asker: Asker,
        watch: Callable[[Event], None],
        *,
        force: bool = False,
        look: bool = False,
        may_send: asyncio.Event | None = None,
        alone: bool = True,
        hand_over: bool = False,
        fetcher: Fetcher | None = None,
        member: FleetMember | None = None,
    ) -> None:
        """`watch` is called with every event, on the event loop; `force` lets results replace files.

        With `look`, the box's daemon is used whatever its setup is, in order to follow its jobs. While
        `may_send` is cleared, no new request is sent. A dispatcher that is the only one of the queue
        (`alone`) also cancels and pauses jobs of other boxes. With `hand_over`, the box gets all jobs as soon
        as it takes them, so that it needs this program no more; otherwise as many as keep it busy. `fetcher`
        fetches media that are named by an address. With `member`, the box takes jobs of its fleet.
        """
        self._store = store
        self._box = box
        self._last_welcome = LastWelcome()
        self._waiting = WaitingJobs(may_send)
        self._taker = Taker(member, watch, self._waiting, self._last_welcome)
        watch = self._taker.hear
        self._keeper = LinkKeeper(box, asker, watch, look=look)
        self._counts = CountWatch(store, box.name, watch)
        self._videos = VideoIndex(default_index())
        self._flights: Flights[Ready] = Flights()
        self._courier = Courier(box.name, self._flights, self, app=store.queue_id)
        self._resent: Counter[str] = Counter()
        """How often each request was sent again because the box had lost its pictures, by identity."""
        self._ledger = Ledger(store, box.name, watch, force=force, wait_again=self._waiting.put)
        self._moments = MomentReporter(box.name, self._ledger, self._flights, watch)
        self._hand_over = HandOver(
            box, self._flights, self._ledger, self._waiting, self._last_welcome, watch
        )
        self._hand_over.is_wanted = hand_over
        others = partial(member.fleet.let_go, box.name) if member is not None else None
        self._left_behind = LeftBehind(store, box.name, self._ledger, self._flights, watch, others)
        if member is not None:
            member.let_go = self._left_behind.lose
        self._user_requests = UserRequests(
            store, self._ledger, box.name, self._flights, alone=alone
        )
        self._preparation = Preparation(
            store,
            Preparer.of(box, self._last_welcome.wait, self._counts, self._videos.probe),
            fetcher,
            self._waiting,
            self._ledger,
            self._flights,
            self._user_requests,
            self._last_welcome,
        )
        self._unsendable = self._preparation.unsendable

    async def run(self, jobs: Sequence[Job]) -> None:
        """Run until each of these jobs has ended or is postponed.

        Jobs that are done already only have their results written. Raises BoxError when the box cannot be
        used at all; a link that breaks later is made again for as long as that takes.
        """
        try:
            self._taker.begin(self._ledger)
            await self._enqueue(await self._ledger.begin(jobs))
            await self._left_behind.look()
            await self._user_requests.cancel_asked()
            if self._ledger.all_ended.is_set():
                return
            async with asyncio.TaskGroup() as group:
                works = [self._preparation.run() for _ in range(PREPARED_AT_ONCE)]
                works.append(self._keeper.keep(self._journal_cursor, self._visit))
                works.append(self._taker.run(self._ledger, self.add))
                tasks = [group.create_task(work) for work in works]
                await self._ledger.all_ended.wait()
                for task in tasks:
                    task.cancel()
            await asyncio.to_thread(trim_kept, self._store, jobs)
        except ExceptionGroup as errors:
            raise first_of(errors) from None
        finally:
            self._taker.close()
            self._hand_over.close()
            await asyncio.to_thread(self._videos.close)
            await self._ledger.close()

    async def add(self, jobs: Sequence[Job]) -> int:
        """Add jobs to the run, except those that it has already. Returns how many were added."""
        new = self._ledger.add(jobs)
        for number in new:
            self._waiting.forget_place(number)
            self._unsendable.pop(number, None)
            self._hand_over.begin_anew()
        self._user_requests.forget(new)
        await self._enqueue(new)
        return len(new)

    def give_ahead(self, ahead: Ahead) -> None:
        """Give the box so many of the jobs ahead of time from now on."""
        self._hand_over.is_wanted = ahead.hands_over(self._box.host)
        self._flights.look_for_room()

    @property
    def numbers(self) -> Collection[int]:
        """Numbers of the jobs of the run that have not ended."""
        return self._ledger.numbers

    @property
    def has_postponed(self) -> bool:
        """Whether some jobs were postponed because the box could not take them."""
        return self._ledger.postponed > 0

    # --- what users ask for ---

    async def cancel(self, numbers: Iterable[int]) -> None:
        """Request that these jobs be cancelled, whether they belong to this run or not.

        The request is on the disk when this returns; a JobCancelled event follows when it was carried out.
        A job that ends before that keeps its own end.
        """
        await self._user_requests.ask_to_cancel(numbers)

    async def pause(self, numbers: Iterable[int]) -> None:
        """Pause those of these jobs that belong to the box and wait, here or there.

        They leave the run, and jobs that are not in the run yet do not join it.
        """
        await self._user_requests.pause(numbers)

    async def apply_requests(self, places: Mapping[int, float]) -> None:
        """Apply what other processes requested: cancels and pauses of jobs, other boxes for them, and their
        places in the queue.
        """
        await self._left_behind.look()
        await self._user_requests.cancel_asked()
        await self._user_requests.pause_asked()
        self.reorder(places)

    def reorder(self, places: Mapping[int, float]) -> None:
        """Give these waiting jobs, by number, new places in the queue; the box arranges those that it has."""
        if self._waiting.reorder(places) and (flights := tuple(self._flights)):
            place = self._waiting.place_of
            self._flights.arrange(
                sorted(flights, key=lambda it: min(map(place, it.jobs), default=0))
            )

    # --- frames ---

    async def _enqueue(self, unended: Iterable[int]) -> None:
        async for job in without_pause(it for n in unended for it in self._ledger.active([n])):
            if not (job.identity and job.state.on_box):
                self._waiting.put(job)
            elif not await self._ledger.finish_from_store(job.identity, [job]):
                self._flights.believe(job.identity, job.number)

    async def _fail_on_box(self, flight: Flight[Ready], end: Failed | Refused) -> None:
        jobs = self._ledger.active(flight.jobs)
        await self._ledger.fail_on_box(jobs, end, self._unsendable)

    def _prepare_again(self, flight: Flight[Ready]) -> None:
        self._release(flight)
        for job in self._ledger.active(flight.jobs):
            self._waiting.put(job)

    def _release(self, flight: Flight[Ready]) -> None:
        """Drop a request that is no longer in flight. Jobs that were deferred until then send it again."""
        self._flights.remove(flight)
        for job in flight.deferred:
            self._waiting.put(job)

    # --- the box ---

    async def _journal_cursor(self) -> JournalCursor:
        return JournalCursor(*await asyncio.to_thread(self._store.seen, self._box.name))

    async def _visit(self, link: Link, seen: JournalCursor) -> None:
        """Send and receive over one link until it breaks; raises BoxUnreachable then."""
        await self._ledger.wait_for_endings()
        of_others = await asyncio.to_thread(self._store.identities_on, self._box.name)
        self._last_welcome.take(link)
        self._taker.note_welcome()
        if not self._last_welcome.can_ask and link.welcome.journal != seen.journal:
            await self._begin_journal(link.welcome.journal)
        await self._courier.visit(link, of_others)

    async def _begin_journal(self, journal: str) -> None:
        """Prepare accepted requests again: they were accepted in another journal, which this one replaced."""
        await asyncio.to_thread(self._store.begin_journal, self._box.name, journal)
        for flight in self._flights:
            if flight.cargo is None:
                self._prepare_again(flight)

    def most_in_flight(self, welcome: Welcome) -> int:
        """Return how many requests the box may have. An older box gives other apps no turn between ours."""
        if self._hand_over.is_wanted and welcome.protocol >= ASK_SINCE:
            return sys.maxsize
        return super().most_in_flight(welcome)

    async def next_flight(self) -> Flight[Ready]:
        """Wait for the next request that is prepared and not in flight."""
        while True:
            ready = await self._waiting.next_ready()
            if not self._ledger.is_active(ready.job.number):
                continue
            if self._flights.join(ready.identity, ready.job.number):
                # Another job with the same request is in flight; its answer ends both.
                self._defer_if_cancelled(ready)
                continue
            # Added before the next await: if the link breaks there, this entry keeps the job.
            flight = Flight(ready.identity, ready, jobs={ready.job.number})
            self._flights.add(flight)
            if not await self._ledger.finish_from_store(ready.identity, [ready.job]):
                return flight
            self._release(flight)

    def _defer_if_cancelled(self, ready: Ready) -> None:
        flight = self._flights.get(ready.identity)
        if flight is not None and flight.cancelled_for:
            flight.deferred.append(ready.job)

    async def hear_sending(self, flight: Flight[Ready]) -> None:
        """Count the attempt to send."""
        if flight.cargo is not None:
            await asyncio.to_thread(self._store.count_attempt, flight.cargo.job.number)

    async def hear_unsendable(self, flight: Flight[Ready], error: OSError | ProtocolError) -> None:
        """Draw frames again whose files are gone; fail the jobs of a request that is too large."""
        if isinstance(error, OSError):
            self._prepare_again(flight)
            return
        self._release(flight)
        too_large = InputError(
            f"its frames are too large to send: {error}", "Send fewer or smaller frames."
        )
        await self._ledger.fail(self._ledger.active(flight.jobs), str(too_large))

    # --- what the box says ---

    async def run_shielded(self, hearing: Coroutine[None, None, None]) -> None:
        """Complete what a message of the journal leads to, even if the link breaks meanwhile."""
        await self._ledger.run_shielded(hearing)

    async def hear_up_to(self, journal: str, seq: int) -> None:
        """Store how far the journal of an older box was heard."""
        await asyncio.to_thread(self._store.note_seen, self._box.name, journal, seq)

    async def hear_accepted(self, flight: Flight[Ready]) -> None:
        """Note that the box does the jobs, whether this app comes back or not."""
        if flight.state is FlightState.ACCEPTED:
            flight.cargo = None
        if not flight.is_noted:
            # Once: after each new link, the box says of everything that it has it.
            flight.is_noted = True
            await self._ledger.note_sent(self._ledger.active(flight.jobs), flight.identity)
        self._hand_over.look()

    async def hear_void(self, flight: Flight[Ready]) -> None:
        """Note that the jobs are not on the box."""
        flight.is_noted = False
        await self._ledger.note_unsent(self._ledger.active(flight.jobs))

    async def hear_unknown(self, flight: Flight[Ready]) -> None:
        """Prepare and send a request again that the box does not have any more."""
        await self._ledger.fail_unsendable(flight.jobs, self._unsendable)
        await self._ledger.note_unsent(self._ledger.active(flight.jobs))
        self._prepare_again(flight)
        await self._left_behind.forget(flight.identity)

    async def hear_end(self, flight: Flight[Ready], end: End) -> None:
        """End the jobs of a request, or send it again if the box could not keep it."""
        await self._end_flight(flight, end)
        if not isinstance(end, Refused):
            await self._left_behind.hear(end)

    async def _end_flight(self, flight: Flight[Ready], end: End) -> None:
        match end:
            case Finished():
                keep = self._store.keep_answer  # an equal request finds it, or the flight
                await asyncio.to_thread(keep, flight.identity, self._box.name, end.answer)
                self._release(flight)
                await self._counts.hear(flight.jobs, end.answer)
                await self._ledger.finish(flight, end.answer)
                await self._left_behind.tell_others(tuple(flight.jobs))
            case Failed(kind="pictures" | "replaced") if (
                self._resent[flight.identity] < MOST_RESENT
            ):
                self._resent[flight.identity] += 1
                self._flights.forget_pictures(flight.kept_pictures)
                await self._ledger.fail_unsendable(flight.jobs, self._unsendable)
                await self._ledger.note_unsent(self._ledger.active(flight.jobs))
                self._prepare_again(flight)
            case Failed():
                self._release(flight)
                await self._fail_on_box(flight, end)
            case Cancelled():
                self._release(flight)
                end_jobs = self._ledger.pause if flight.is_pause else self._ledger.cancel
                await end_jobs(self._ledger.active(flight.cancelled_for or flight.jobs))
            case Refused(kind="pictures") if flight.cargo is not None:
                # The jobs that brought these pictures have ended; the box is about to report that.
                self._flights.forget_pictures(flight.cargo.pictures)
                self._prepare_again(flight)
            case Refused(kind="engine"):
                await self._hear_of_another_engine(flight)
            case Refused():
                await self._hear_refused(flight, end)
        self._hand_over.look()

    async def _hear_of_another_engine(self, flight: Flight[Ready]) -> None:
        """Prepare a request again for what the box serves now. Raises BoxUnreachable to learn that."""
        known = await self._last_welcome.serves()
        is_news = flight.cargo is not None and flight.cargo.request.engine == known
        self._prepare_again(flight)
        if is_news:
            raise BoxUnreachable(f"{self._box.name} serves something else now")

    async def _hear_refused(self, flight: Flight[Ready], refused: Refused) -> None:
        jobs = self._ledger.active(flight.jobs)
        self._release(flight)
        await self._ledger.cancel(
            [job for job in jobs if self._user_requests.asks_to_cancel(job.number)]
        )
        if RETRIES[trouble_of_refusal(refused.kind)].attempts is None:
            await self._ledger.postpone(self._ledger.active(flight.jobs), refused.message)
        else:
            await self._fail_on_box(flight, refused)

    async def hear_of_others(self, message: Durable) -> None:
        """Note how a request of an earlier run, or of a job that waits here, has ended."""
        await self._ledger.note_end_elsewhere(message)
        await self._left_behind.hear(message)

    async def hear_of_moment(self, message: FromBox) -> None:
        """Report what the box says of the present moment."""
        await self._moments.hear(message)
