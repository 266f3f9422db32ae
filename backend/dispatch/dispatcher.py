"""The engine under every front end: queued jobs → frames → box → results.

Three things go on at once: frames are drawn for the jobs ahead, requests are kept in flight on the box,
and answers are stored and written as they come. Stopping it at any moment loses nothing: a job is in
the queue's file, on the box's disk, or both, and the next run goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set

from backend.box.asker import Asker
from backend.box.link import Box, JournalCursor, Link
from backend.box.reconnect import LinkKeeper
from backend.dispatch.cancels import Cancels
from backend.dispatch.ledger import Ledger
from backend.dispatch.prepare import Preparer, Ready
from backend.dispatch.priority_queue import PriorityQueue
from backend.dispatch.retries import RETRIES, trouble_of_refusal
from backend.errors import BoxUnreachable, InputError, UpsampleError, first_of
from backend.events import BoxLog, BoxStatus, EngineStarting, Event
from backend.store import Job, State, Store
from remote.protocol import (
    Accepted,
    Cancelled,
    Delta,
    Durable,
    EngineStage,
    Failed,
    Finished,
    FromBox,
    Log,
    ProtocolError,
    Refused,
    Started,
    Status,
    Welcome,
)

PREPARED_AT_ONCE = 2
"""Runs of ffmpeg side by side."""
PREPARED_AHEAD = 16
"""Jobs whose frames are drawn before the box takes them."""
SENT_AHEAD = 2
"""Requests that wait on the box beyond the ones it works on, so that no slot stands empty."""
_PICTURES_ONCE_SINCE = 4
"""The protocol with which a box need not be sent a picture again."""


class Dispatcher:
    """Sees a set of jobs through on one box. For one run."""

    def __init__(
        self,
        store: Store,
        box: Box,
        asker: Asker,
        watch: Callable[[Event], None],
        *,
        force: bool = False,
        look: bool = False,
        go: asyncio.Event | None = None,
        alone: bool = True,
    ) -> None:
        """`watch` hears of everything, on the loop; `force` lets results replace files.

        With `look` the box's daemon is taken as it is, whatever its setup: to follow what is there.
        While `go` is cleared, nothing new is sent. One that is `alone` at work on the queue cancels jobs of
        other boxes, too.
        """
        self._store = store
        self._box = box
        self._watch = watch
        self._keeper = LinkKeeper(box, asker, watch, look=look)
        self._ledger = Ledger(store, box.name, watch, force=force)
        self._preparer = Preparer(box.setup.model)
        self._places: dict[int, float] = {}
        """Of jobs that were moved since they were taken up."""
        self._to_prepare: PriorityQueue[Job] = PriorityQueue(self._place)
        self._ready: PriorityQueue[Ready] = PriorityQueue(
            lambda ready: self._place(ready.job), PREPARED_AHEAD
        )
        self._in_flight: dict[str, Ready | None] = {}
        """By identity. What was sent and not acknowledged yet keeps its Ready, to be sent again."""
        self._known: set[str] = set()
        """Of what was sent, that which the box's past tells of: perhaps of an earlier try that ended."""
        self._pictures: dict[str, Set[str]] = {}
        """By identity: those that the box has for what was sent over the link that there is now. What it has
        not acknowledged counts for what it brought, and not for what it was sent without."""
        self._room = asyncio.Event()
        self._go = go or asyncio.Event()
        if go is None:
            self._go.set()
        self._cancels = Cancels(store, self._ledger, box.name, self._in_flight, alone=alone)

    async def run(self, jobs: Sequence[Job]) -> None:
        """Work until every one of these jobs has ended or is postponed.

        Jobs that are done already only have their results written. Raises BoxError when the box
        cannot be used at all; a link that breaks later is made again for as long as it takes.
        """
        try:
            await self._take_up(await self._ledger.take_up(jobs))
            await self._cancels.heed()
            if self._ledger.all_ended.is_set():
                return
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._prepare()) for _ in range(PREPARED_AT_ONCE)]
                tasks.append(group.create_task(self._keeper.keep(self._how_far, self._visit)))
                tasks.append(group.create_task(self._cancels.look()))
                await self._ledger.all_ended.wait()
                for task in tasks:
                    task.cancel()
        except ExceptionGroup as errors:
            raise first_of(errors) from None
        finally:
            await self._ledger.lay_down()

    async def add(self, jobs: Sequence[Job]) -> int:
        """More jobs for the run; those that it has already are left as they are. Returns how many it took."""
        new = self._ledger.add(jobs)
        for job in new:
            # One that is queued again stands at the end, wherever it stood before.
            self._places.pop(job.number, None)
        self._cancels.take_back(job.number for job in new)
        await self._take_up(new)
        return len(new)

    @property
    def numbers(self) -> Collection[int]:
        """Of the jobs of the run that have not ended."""
        return self._ledger.numbers

    @property
    def has_postponed(self) -> bool:
        """Whether jobs left the run that the box could not take."""
        return self._ledger.has_postponed

    async def cancel(self, numbers: Iterable[int]) -> None:
        """Ask for these jobs to be cancelled, whether they are of this run or not.

        The request is on the disk when this returns; JobCancelled tells that it was heeded. A job that
        ends first keeps its end.
        """
        await self._cancels.ask(numbers)

    async def pause(self, numbers: Iterable[int]) -> None:
        """Let these jobs of the box wait, except those that are on their way to it already.

        They leave the run; those that were about to join it will not.
        """
        found = await asyncio.to_thread(self._store.jobs, numbers)
        jobs = [job for job in found if job.box == self._box.name and not job.state.ended]
        for job in jobs:
            if not self._ledger.knows(job.number) and job.state is State.QUEUED:
                self._ledger.adopt(job)
        # Looked at after the wait: what is sent meanwhile goes on.
        sent = {
            job.number for identity in self._in_flight for job in self._ledger.jobs_of(identity)
        }
        await self._ledger.pause([job for job in jobs if job.number not in sent])

    async def heed(self) -> None:
        """Heed what other processes asked for: that jobs wait, of this box or another, and in which order."""
        asked = await asyncio.to_thread(self._store.asked_to_pause)
        await self.pause([job.number for job in asked if job.box == self._box.name])
        others = [job.number for job in asked if job.box != self._box.name]
        await asyncio.to_thread(self._store.pause_unsent, others)
        # A job on its way is not paused; the process that asked sees that its request is gone.
        await asyncio.to_thread(self._store.withdraw_pauses, [job.number for job in asked])
        self.arrange(await asyncio.to_thread(self._store.places))

    def arrange(self, places: Mapping[int, float]) -> None:
        """From now on these jobs stand elsewhere among those that wait."""
        self._places |= places
        self._to_prepare.sort_again()
        self._ready.sort_again()

    def _place(self, job: Job) -> float:
        return self._places.get(job.number, job.place)

    async def _take_up(self, unended: Sequence[Job]) -> None:
        for job in unended:
            if not (job.identity and job.state.on_box):
                self._to_prepare.put_nowait(job)
            elif not await self._ledger.answer_from_store(job.identity):
                self._in_flight[job.identity] = None

    # --- frames ---

    async def _prepare(self) -> None:
        while True:
            job = await self._to_prepare.get()
            if self._cancels.is_asked(job.number):
                await self._ledger.cancel([job])
            if not self._ledger.is_left(job.number):
                continue
            await self._ledger.prepare(job)
            try:
                ready = await self._preparer.prepare(job)
            except UpsampleError as error:
                await self._ledger.fail_job(job, error)
                continue
            await self._ledger.note_prepared(ready)
            if not await self._ledger.answer_from_store(ready.identity):
                await self._ready.put(ready)

    # --- the box ---

    async def _how_far(self) -> JournalCursor:
        return JournalCursor(*await asyncio.to_thread(self._store.seen, self._box.name))

    async def _visit(self, link: Link, seen: JournalCursor) -> None:
        """Work with the box until the link breaks; raises BoxUnreachable then."""
        await self._ledger.settled()
        if link.welcome.journal != seen.journal:
            await self._begin_journal(link.welcome.journal)
        self._known.clear()
        self._pictures.clear()
        self._cancels.begin_link()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(link))
                group.create_task(self._cancels.send(link))
                group.create_task(self._listen(link))
        except ExceptionGroup as errors:
            raise first_of(errors) from None

    async def _begin_journal(self, journal: str) -> None:
        """What was accepted under another journal, this one has never heard of: prepare it anew."""
        await asyncio.to_thread(self._store.begin_journal, self._box.name, journal)
        for identity in [key for key, ready in self._in_flight.items() if ready is None]:
            self._prepare_again(identity)

    async def _send(self, link: Link) -> None:
        for ready in [ready for ready in self._in_flight.values() if ready is not None]:
            await self._submit(link, ready)
        while True:
            while len(self._in_flight) >= link.welcome.slots + SENT_AHEAD:
                self._room.clear()
                await self._room.wait()
            ready = await self._next_ready()
            if not self._ledger.is_left(ready.job.number):
                continue
            if ready.identity in self._in_flight:
                # Another job with the same request is on its way; its answer ends both.
                self._cancels.hold(ready.identity, ready.job)
                continue
            # Before the next await: if the link breaks there, this is what remembers the job.
            self._in_flight[ready.identity] = ready
            if await self._ledger.answer_from_store(ready.identity):
                self._release(ready.identity)
            else:
                await self._submit(link, ready)

    async def _next_ready(self) -> Ready:
        await self._go.wait()
        ready = await self._ready.get()
        try:
            await self._go.wait()
        except asyncio.CancelledError:
            # The link broke while it was held back.
            self._to_prepare.put_nowait(ready.job)
            raise
        return ready

    async def _submit(self, link: Link, ready: Ready) -> None:
        leaves_out = link.welcome.protocol >= _PICTURES_ONCE_SINCE
        there = frozenset().union(*self._pictures.values()) if leaves_out else frozenset()
        try:
            message = await asyncio.to_thread(ready.message, there)
        except OSError:
            # The frames were removed since they were drawn.
            self._prepare_again(ready.identity)
            return
        await asyncio.to_thread(self._store.count_attempt, ready.job.number)
        try:
            await link.send(message)
            self._pictures[ready.identity] = ready.pictures - there
            self._cancels.note_reached(ready.identity)
        except ProtocolError as error:
            self._release(ready.identity)
            too_large = InputError(
                f"its frames are too large to send: {error}", "Send fewer or smaller frames."
            )
            for job in self._ledger.jobs_of(ready.identity):
                await self._ledger.fail_job(job, too_large)

    async def _listen(self, link: Link) -> None:
        async for message in link.messages():
            if isinstance(message, (Accepted, Finished, Failed, Cancelled)):
                await self._ledger.see_through(self._hear_of_journal(message, link.welcome))
            else:
                await self._hear_of_moment(message)
        raise BoxUnreachable(f"{self._box.name} hung up")

    async def _hear_of_journal(self, message: Durable, welcome: Welcome) -> None:
        is_past = message.seq <= welcome.last
        match message:
            case Accepted():
                await self._hear_accepted(message.job, is_past=is_past)
            case Finished():
                self._release(message.job)
                await self._ledger.finish(message.job, message.answer)
            case Failed() if message.job not in self._in_flight:
                await self._ledger.end_elsewhere(message.job, State.FAILED, message.message)
            case Cancelled() if message.job not in self._in_flight:
                await self._ledger.end_elsewhere(message.job, State.CANCELLED)
            case Failed() | Cancelled() if not self._is_accepted(message.job, is_past=is_past):
                # It is queued anew, and this is how an earlier try at it ended.
                self._known.discard(message.job)
                await self._ledger.note_unsent(message.job)
            case Failed():
                self._release(message.job)
                await self._ledger.fail(message.job, message.message)
            case Cancelled():
                await self._hear_cancelled(message.job)
        await asyncio.to_thread(self._store.note_seen, self._box.name, welcome.journal, message.seq)

    async def _hear_accepted(self, identity: str, *, is_past: bool) -> None:
        ready = self._in_flight.get(identity)
        if ready is not None:
            if is_past:
                self._known.add(identity)
            else:
                self._in_flight[identity] = None
                self._pictures[identity] = ready.pictures
        await self._ledger.note_sent(identity)

    async def _hear_cancelled(self, identity: str) -> None:
        wanted = self._cancels.wanted_for(identity)
        held = self._release(identity)
        answered = self._ledger.jobs_of(identity)
        await self._ledger.cancel([j for j in answered if not wanted or j.number in wanted])
        for job in held:
            self._to_prepare.put_nowait(job)

    async def _hear_of_moment(self, message: FromBox) -> None:
        match message:
            case Started():
                await self._ledger.note_started(message.job, message.attempt, message.reason)
            case Delta():
                self._ledger.note_text(message.job, message.offset, message.text)
            case Refused() if message.job in self._in_flight:
                await self._hear_refused(message)
            case EngineStage():
                self._watch(EngineStarting(self._box.name, message.stage, message.time))
            case Log():
                log = (message.time, message.level, message.source, message.text)
                self._watch(BoxLog(self._box.name, *log))
            case Status():
                self._watch(BoxStatus.of(self._box.name, message))

    async def _hear_refused(self, refused: Refused) -> None:
        ready = self._in_flight[refused.job]
        if refused.kind == "pictures" and ready is not None:
            # The jobs that brought them have ended, which the box is about to tell.
            self._pictures = {key: there - ready.pictures for key, there in self._pictures.items()}
            self._prepare_again(refused.job)
            return
        jobs = self._ledger.jobs_of(refused.job)
        self._release(refused.job)
        await self._ledger.cancel([job for job in jobs if self._cancels.is_asked(job.number)])
        if RETRIES[trouble_of_refusal(refused.kind)].attempts is None:
            await self._ledger.postpone(refused.job, refused.message)
        else:
            await self._ledger.fail(refused.job, refused.message)

    def _is_accepted(self, identity: str, *, is_past: bool) -> bool:
        ready = self._in_flight[identity]
        return ready is None or (identity in self._known and not is_past)

    def _prepare_again(self, identity: str) -> None:
        self._release(identity)
        for job in self._ledger.jobs_of(identity):
            self._to_prepare.put_nowait(job)

    def _release(self, identity: str) -> list[Job]:
        """The request is no longer on its way, so another one may be; returns the jobs held for that."""
        self._in_flight.pop(identity, None)
        self._pictures.pop(identity, None)
        self._known.discard(identity)
        self._room.set()
        return self._cancels.forget(identity)
