"""Brings a set of jobs to one box and its answers back: queued jobs → frames → box → results.

Three things happen at the same time: frames are drawn for the next jobs, requests are kept in flight on the
box, and answers are stored and written as they arrive. Stopping it at any moment loses nothing: each job is
in the queue's file, on the box's disk, or in both, and the next run continues from there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from backend.box.asker import Asker
from backend.box.link import Box, JournalCursor, Link
from backend.box.reconnect import LinkKeeper
from backend.dispatch.cancels import Cancels
from backend.dispatch.ledger import Ledger
from backend.dispatch.pictures_on_box import PicturesOnBox
from backend.dispatch.prepare import Preparer, Ready
from backend.dispatch.priority_queue import PriorityQueue
from backend.dispatch.retries import MOST_RESENT, RETRIES, trouble_of_refusal
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
"""How many ffmpeg processes run at the same time."""
PREPARED_AHEAD = 16
"""How many jobs may have their frames drawn before the box takes them."""
SENT_AHEAD = 2
"""How many requests wait on the box beyond those that it works on, so that no slot is idle."""
_PICTURES_ONCE_SINCE = 4
"""The first protocol version in which a picture that the box has need not be sent again."""


class Dispatcher:
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
    ) -> None:
        """`watch` is called with every event, on the event loop; `force` lets results replace files.

        With `look`, the box's daemon is used whatever its setup is, in order to follow its jobs. While
        `may_send` is cleared, no new request is sent. A dispatcher that is the only one of the queue
        (`alone`) also cancels jobs of other boxes.
        """
        self._store = store
        self._box = box
        self._watch = watch
        self._keeper = LinkKeeper(box, asker, watch, look=look)
        self._ledger = Ledger(store, box.name, watch, force=force)
        self._preparer = Preparer(box.setup.model)
        self._moved: dict[int, float] = {}
        """Places in the queue of the jobs that were moved after they joined the run, by job number."""
        self._to_prepare: PriorityQueue[Job] = PriorityQueue(self._place)
        self._ready: PriorityQueue[Ready] = PriorityQueue(
            lambda ready: self._place(ready.job), PREPARED_AHEAD
        )
        self._in_flight: dict[str, Ready | None] = {}
        """Requests that may be on the box, by identity; each keeps its Ready until the box accepts it."""
        self._replayed: set[str] = set()
        """Identities that the journal replay has mentioned, perhaps for an earlier attempt that has ended."""
        self._pictures = PicturesOnBox()
        self._resent: Counter[str] = Counter()
        """How often each request was sent again because the box had lost its pictures, by identity."""
        self._room = asyncio.Event()
        self._may_send = may_send or asyncio.Event()
        if may_send is None:
            self._may_send.set()
        self._cancels = Cancels(store, self._ledger, box.name, self._in_flight, alone=alone)

    async def run(self, jobs: Sequence[Job]) -> None:
        """Run until each of these jobs has ended or is postponed.

        Jobs that are done already only have their results written. Raises BoxError when the box cannot be
        used at all; a link that breaks later is made again for as long as that takes.
        """
        try:
            await self._enqueue(await self._ledger.begin(jobs))
            await self._cancels.apply_requests()
            if self._ledger.all_ended.is_set():
                return
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._prepare()) for _ in range(PREPARED_AT_ONCE)]
                tasks.append(
                    group.create_task(self._keeper.keep(self._journal_cursor, self._visit))
                )
                tasks.append(group.create_task(self._cancels.poll()))
                await self._ledger.all_ended.wait()
                for task in tasks:
                    task.cancel()
        except ExceptionGroup as errors:
            raise first_of(errors) from None
        finally:
            await self._ledger.close()

    async def add(self, jobs: Sequence[Job]) -> int:
        """Add jobs to the run, except those that it has already. Returns how many were added."""
        new = self._ledger.add(jobs)
        for job in new:
            # A job that is queued again goes to the end of the queue, wherever it was before.
            self._moved.pop(job.number, None)
        self._cancels.forget_requests(job.number for job in new)
        await self._enqueue(new)
        return len(new)

    @property
    def numbers(self) -> Collection[int]:
        """Numbers of the jobs of the run that have not ended."""
        return self._ledger.numbers

    @property
    def has_postponed(self) -> bool:
        """Whether some jobs were postponed because the box could not take them."""
        return self._ledger.has_postponed

    async def cancel(self, numbers: Iterable[int]) -> None:
        """Request that these jobs be cancelled, whether they belong to this run or not.

        The request is on the disk when this returns; a JobCancelled event follows when it was carried out.
        A job that ends before that keeps its own end.
        """
        await self._cancels.ask(numbers)

    async def pause(self, numbers: Iterable[int]) -> None:
        """Pause those of these jobs that belong to the box and are not in flight.

        They leave the run, and jobs that are not in the run yet do not join it.
        """
        found = await asyncio.to_thread(self._store.jobs, numbers)
        jobs = [job for job in found if job.box == self._box.name and not job.state.ended]
        for job in jobs:
            if not self._ledger.knows(job.number) and job.state is State.QUEUED:
                self._ledger.adopt(job)
        # Computed after the await: a job that was sent during it is not paused.
        sent = {
            job.number for identity in self._in_flight for job in self._ledger.jobs_of(identity)
        }
        await self._ledger.pause([job for job in jobs if job.number not in sent])

    async def apply_requests(self) -> None:
        """Apply what other processes requested: pauses of jobs, of this box or another, and a new order."""
        asked = await asyncio.to_thread(self._store.asked_to_pause)
        await self.pause([job.number for job in asked if job.box == self._box.name])
        of_other_boxes = [job.number for job in asked if job.box != self._box.name]
        await asyncio.to_thread(self._store.pause_unsent, of_other_boxes)
        # A job in flight is not paused; the process that asked sees that its request is gone.
        await asyncio.to_thread(self._store.withdraw_pauses, [job.number for job in asked])
        self.reorder(await asyncio.to_thread(self._store.places))

    def reorder(self, places: Mapping[int, float]) -> None:
        """Give these waiting jobs, by number, new places in the queue."""
        self._moved |= places
        self._to_prepare.sort_again()
        self._ready.sort_again()

    def _place(self, job: Job) -> float:
        return self._moved.get(job.number, job.place)

    async def _enqueue(self, unended: Sequence[Job]) -> None:
        for job in unended:
            if not (job.identity and job.state.on_box):
                self._to_prepare.put_nowait(job)
            elif not await self._ledger.answer_from_store(job.identity):
                self._in_flight[job.identity] = None

    # --- frames ---

    async def _prepare(self) -> None:
        while True:
            job = await self._to_prepare.get()
            if self._cancels.is_requested(job.number):
                await self._ledger.cancel([job])
            if not self._ledger.is_active(job.number):
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

    async def _journal_cursor(self) -> JournalCursor:
        return JournalCursor(*await asyncio.to_thread(self._store.seen, self._box.name))

    async def _visit(self, link: Link, seen: JournalCursor) -> None:
        """Send and receive over one link until it breaks; raises BoxUnreachable then."""
        await self._ledger.wait_for_endings()
        if link.welcome.journal != seen.journal:
            await self._begin_journal(link.welcome.journal)
        self._replayed.clear()
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
        """Prepare accepted requests again: they were accepted in another journal, which this one replaced."""
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
            if not self._ledger.is_active(ready.job.number):
                continue
            if ready.identity in self._in_flight:
                # Another job with the same request is in flight; its answer ends both.
                self._cancels.defer(ready.identity, ready.job)
                continue
            # Set before the next await: if the link breaks there, this entry keeps the job.
            self._in_flight[ready.identity] = ready
            if await self._ledger.answer_from_store(ready.identity):
                self._release(ready.identity)
            else:
                await self._submit(link, ready)

    async def _next_ready(self) -> Ready:
        await self._may_send.wait()
        ready = await self._ready.get()
        try:
            await self._may_send.wait()
        except asyncio.CancelledError:
            # The link broke while nothing could be sent.
            self._to_prepare.put_nowait(ready.job)
            raise
        return ready

    async def _submit(self, link: Link, ready: Ready) -> None:
        sends_once = link.welcome.protocol >= _PICTURES_ONCE_SINCE
        on_box = self._pictures.all() if sends_once else frozenset()
        try:
            message = await asyncio.to_thread(ready.message, on_box)
        except OSError:
            # The frames were removed after they were drawn.
            self._prepare_again(ready.identity)
            return
        await asyncio.to_thread(self._store.count_attempt, ready.job.number)
        try:
            await link.send(message)
            self._pictures.keep(ready.identity, ready.pictures - on_box)
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
                await self._ledger.run_shielded(self._hear_of_journal(message, link.welcome))
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
                await self._ledger.end_jobs_of_earlier_runs(
                    message.job, State.FAILED, message.message
                )
            case Cancelled() if message.job not in self._in_flight:
                await self._ledger.end_jobs_of_earlier_runs(message.job, State.CANCELLED)
            case Failed() | Cancelled() if not self._is_accepted(message.job, is_past=is_past):
                # The request is queued again, and this message tells how its earlier attempt ended.
                self._replayed.discard(message.job)
                await self._ledger.note_unsent(message.job)
            case Failed(kind="pictures") if self._resent[message.job] < MOST_RESENT:
                await self._send_again(message.job)
            case Failed():
                self._release(message.job)
                await self._ledger.fail(message.job, message.message)
            case Cancelled():
                await self._hear_cancelled(message.job)
        await asyncio.to_thread(self._store.note_seen, self._box.name, welcome.journal, message.seq)

    async def _send_again(self, identity: str) -> None:
        """Draw and send a request again whose pictures the box has lost."""
        self._resent[identity] += 1
        self._pictures.forget(self._pictures.of(identity))
        await self._ledger.note_unsent(identity)
        self._prepare_again(identity)

    async def _hear_accepted(self, identity: str, *, is_past: bool) -> None:
        ready = self._in_flight.get(identity)
        if ready is not None:
            if is_past:
                self._replayed.add(identity)
            else:
                self._in_flight[identity] = None
                self._pictures.keep(identity, ready.pictures)
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
            # The jobs that brought these pictures have ended; the box is about to report that.
            self._pictures.forget(ready.pictures)
            self._prepare_again(refused.job)
            return
        jobs = self._ledger.jobs_of(refused.job)
        self._release(refused.job)
        await self._ledger.cancel([job for job in jobs if self._cancels.is_requested(job.number)])
        if RETRIES[trouble_of_refusal(refused.kind)].attempts is None:
            await self._ledger.postpone(refused.job, refused.message)
        else:
            await self._ledger.fail(refused.job, refused.message)

    def _is_accepted(self, identity: str, *, is_past: bool) -> bool:
        ready = self._in_flight[identity]
        return ready is None or (identity in self._replayed and not is_past)

    def _prepare_again(self, identity: str) -> None:
        self._release(identity)
        for job in self._ledger.jobs_of(identity):
            self._to_prepare.put_nowait(job)

    def _release(self, identity: str) -> list[Job]:
        """Drop a request that is no longer in flight. Returns the jobs that were deferred until then."""
        self._in_flight.pop(identity, None)
        self._pictures.release(identity)
        self._replayed.discard(identity)
        self._room.set()
        return self._cancels.forget(identity)
