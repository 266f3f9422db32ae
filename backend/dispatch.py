"""The engine under every front end: queued jobs → frames → box → results.

Three things go on at once: frames are drawn for the jobs ahead, requests are kept in flight on the box,
and answers are stored and written as they come. Stopping it at any moment loses nothing: a job is in
the queue's file, on the box's disk, or both, and the next run goes on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path

from backend.box.asker import Asker
from backend.box.link import Box, Link, Seen, open_link
from backend.errors import BoxUnreachable, QueueError, UpsampleError
from backend.events import (
    BoxLog,
    Event,
    JobCancelled,
    JobDone,
    JobFailed,
    JobPostponed,
    JobPrepared,
    JobSent,
    JobStarted,
    LinkChanged,
    LinkState,
    ResultsWritten,
    TextWritten,
    WritingFailed,
)
from backend.prepare import Preparer, Ready
from backend.results import write_results
from backend.store import Job, State, Store
from remote.protocol import (
    Accepted,
    Answer,
    Cancelled,
    Delta,
    Durable,
    Failed,
    Finished,
    FromBox,
    Log,
    Refused,
    Started,
)

PREPARED_AT_ONCE = 2
"""Runs of ffmpeg side by side."""
PREPARED_AHEAD = 16
"""Jobs whose frames are drawn before the box takes them."""
SENT_AHEAD = 2
"""Requests that wait on the box beyond the ones it works on, so that no slot stands empty."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before connecting again."""


@contextlib.contextmanager
def sole_dispatcher(store: Store) -> Iterator[None]:
    """The right to work on the queue. Raises QueueError when another process has it."""
    path = store.path.with_suffix(".lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode() or "unknown"
            raise QueueError(
                f"another upsample (process {holder}) is working on the queue",
                "Wait until it is done, or end it: what it has not done stays queued.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)


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
    ) -> None:
        """`watch` hears of everything, on the loop; `force` lets results replace files."""
        self._store = store
        self._box = box
        self._asker = asker
        self._watch = watch
        self._force = force
        self._preparer = Preparer(box.setup.model)
        self._remaining: dict[int, Job] = {}
        self._answered_by: dict[str, set[int]] = {}
        """Which of the remaining jobs a request answers; most often one."""
        self._unwritten: Counter[Path] = Counter()
        """Remaining jobs of each file of results."""
        self._to_prepare: asyncio.Queue[Job] = asyncio.Queue()
        self._ready: asyncio.Queue[Ready] = asyncio.Queue(PREPARED_AHEAD)
        self._in_flight: dict[str, Ready | None] = {}
        """By identity. What was sent and not acknowledged yet keeps its Ready, to be sent again."""
        self._heard: dict[str, int] = {}
        """By identity: characters of the answer that came without a gap."""
        self._ending: set[asyncio.Task[None]] = set()
        """Jobs being ended; a link that breaks meanwhile must not leave them half ended."""
        self._room = asyncio.Event()
        self._all_ended = asyncio.Event()

    async def run(self, jobs: Sequence[Job]) -> None:
        """Work until every one of these jobs has ended or is postponed.

        Jobs that are done already only have their results written. Raises BoxError when the box
        cannot be used at all; a link that breaks later is made again for as long as it takes.
        """
        try:
            await self._take_up(jobs)
            if not self._remaining:
                return
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._prepare()) for _ in range(PREPARED_AT_ONCE)]
                tasks.append(group.create_task(self._follow_box()))
                await self._all_ended.wait()
                for task in tasks:
                    task.cancel()
        except ExceptionGroup as errors:
            raise _first(errors) from None
        finally:
            await self._all_settled()
            for job in self._store.jobs(self._remaining):
                if job.state is State.PREPARING:
                    self._store.set_state(job.number, State.QUEUED)

    async def _take_up(self, jobs: Sequence[Job]) -> None:
        unended = [job for job in jobs if not job.state.ended]
        self._remaining = {job.number: job for job in unended}
        self._unwritten = Counter(job.destination for job in unended)
        named = {job.destination: None for job in jobs}
        for destination in named:
            if not self._unwritten[destination]:
                await self._deliver(destination)
        for destination in {job.destination: None for job in self._never_written()}:
            if destination not in named:
                await self._deliver(destination, only_try=True)
        for job in unended:
            if job.identity and job.state in (State.SENT, State.RUNNING):
                self._answered_by.setdefault(job.identity, set()).add(job.number)
                if not await self._answer_from_store(job.identity):
                    self._in_flight[job.identity] = None
            else:
                self._to_prepare.put_nowait(job)

    def _never_written(self) -> list[Job]:
        """Jobs of earlier runs that ended between their answer and their file."""
        return [
            job
            for job in self._store.jobs()
            if job.state is State.DONE
            and job.box == self._box.name
            and not job.destination.exists()
            and self._store.written(job.destination) is None
        ]

    # --- frames ---

    async def _prepare(self) -> None:
        while True:
            job = await self._to_prepare.get()
            await self._set_state(job, State.PREPARING)
            try:
                ready = await self._preparer.prepare(job)
            except UpsampleError as error:
                await self._fail([job], str(error))
                continue
            await self._note_prepared(ready)
            if not await self._answer_from_store(ready.identity):
                await self._ready.put(ready)

    async def _note_prepared(self, ready: Ready) -> None:
        job = ready.job
        await asyncio.to_thread(
            self._store.set_request, job.number, ready.request, ready.prompt_tokens
        )
        self._answered_by.setdefault(ready.identity, set()).add(job.number)
        self._watch(
            JobPrepared(
                job=job.number,
                name=job.name,
                size=str(ready.plan.size or ""),
                frames=len(ready.images),
                prompt_tokens=ready.prompt_tokens,
                image_bytes=ready.image_bytes,
            )
        )

    # --- the box ---

    async def _follow_box(self) -> None:
        pause = FIRST_PAUSE
        was_live = False
        self._tell_link(LinkState.CONNECTING)
        while True:
            seen = Seen(*await asyncio.to_thread(self._store.seen, self._box.name))
            try:
                async with open_link(self._box, self._asker, seen) as link:
                    was_live, pause = True, FIRST_PAUSE
                    await self._visit(link, seen)
            except BoxUnreachable as error:
                if not was_live:
                    raise
                wait = pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreads reconnects, no secret
                self._tell_link(LinkState.RETRYING, error.problem, wait)
                await asyncio.sleep(wait)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _visit(self, link: Link, seen: Seen) -> None:
        """Work with the box until the link breaks; raises BoxUnreachable then."""
        await self._all_settled()
        if link.welcome.journal != seen.journal:
            await self._begin_journal(link.welcome.journal)
        self._tell_link(LinkState.LIVE, link.welcome.engine)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(link))
                group.create_task(self._listen(link))
        except ExceptionGroup as errors:
            raise _first(errors) from None

    async def _begin_journal(self, journal: str) -> None:
        """What was accepted under another journal, this one has never heard of: prepare it anew."""
        await asyncio.to_thread(self._store.note_seen, self._box.name, journal, -1)
        for identity in [key for key, ready in self._in_flight.items() if ready is None]:
            del self._in_flight[identity]
            for job in self._jobs_of(identity):
                self._to_prepare.put_nowait(job)

    async def _send(self, link: Link) -> None:
        for ready in [ready for ready in self._in_flight.values() if ready is not None]:
            await self._submit(link, ready)
        while True:
            while len(self._in_flight) >= link.welcome.slots + SENT_AHEAD:
                self._room.clear()
                await self._room.wait()
            ready = await self._ready.get()
            if ready.identity in self._in_flight:
                continue  # another job with the same request is on its way; its answer ends both
            # Before the next await: if the link breaks there, this is what remembers the job.
            self._in_flight[ready.identity] = ready
            if not await self._answer_from_store(ready.identity):
                await self._submit(link, ready)

    async def _submit(self, link: Link, ready: Ready) -> None:
        try:
            message = await asyncio.to_thread(ready.message)
        except OSError:
            # The frames were removed since they were drawn.
            self._in_flight.pop(ready.identity, None)
            self._to_prepare.put_nowait(ready.job)
            return
        await asyncio.to_thread(self._store.count_attempt, ready.job.number)
        await link.send(message)

    async def _listen(self, link: Link) -> None:
        async for message in link.messages():
            if isinstance(message, (Accepted, Finished, Failed, Cancelled)):
                await self._hear_of_journal(message)
                await asyncio.to_thread(
                    self._store.note_seen, self._box.name, link.welcome.journal, message.seq
                )
            else:
                await self._hear_of_moment(message)
        raise BoxUnreachable(f"{self._box.name} hung up")

    async def _hear_of_journal(self, message: Durable) -> None:
        match message:
            case Accepted():
                if message.job in self._in_flight:
                    self._in_flight[message.job] = None
                for job in self._jobs_of(message.job):
                    await self._set_state(job, State.SENT)
                    self._watch(JobSent(job.number, job.name))
            case Finished():
                await self._keep(message.job, message.answer)
            case Failed():
                await self._fail(self._claim(message.job), message.message)
            case Cancelled():
                await self._cancelled(self._claim(message.job))

    async def _hear_of_moment(self, message: FromBox) -> None:
        match message:
            case Started():
                self._heard[message.job] = 0
                for job in self._jobs_of(message.job):
                    await self._set_state(job, State.RUNNING)
                    self._watch(JobStarted(job.number, job.name, message.attempt))
            case Delta():
                if message.offset <= self._heard.get(message.job, 0):
                    self._heard[message.job] = message.offset + len(message.text)
                for job in self._jobs_of(message.job):
                    self._watch(TextWritten(job.number, message.offset, message.text))
            case Refused() if message.kind == "disk":
                await self._postpone(self._claim(message.job), message.message)
            case Refused():
                await self._fail(self._claim(message.job), message.message)
            case Log():
                log = (message.time, message.level, message.source, message.text)
                self._watch(BoxLog(self._box.name, *log))

    # --- how jobs go on and end ---

    def _jobs_of(self, identity: str) -> list[Job]:
        numbers = sorted(self._answered_by.get(identity, ()))
        return [self._remaining[number] for number in numbers]

    def _claim(self, identity: str) -> list[Job]:
        """The jobs that this request answers, for whoever ends them; only the first one gets them."""
        jobs = self._jobs_of(identity)
        self._answered_by.pop(identity, None)
        self._in_flight.pop(identity, None)
        self._room.set()
        return jobs

    async def _settle(self, ending: Coroutine[None, None, None]) -> None:
        """See claimed jobs to their end, even if whoever claimed them is cancelled meanwhile."""
        task = asyncio.create_task(ending)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        await asyncio.shield(task)

    async def _all_settled(self) -> None:
        if self._ending:
            ended, _ = await asyncio.wait(self._ending)
            for task in ended:
                task.result()

    async def _set_state(self, job: Job, state: State, error: str = "") -> None:
        await asyncio.to_thread(self._store.set_state, job.number, state, error)

    async def _answer_from_store(self, identity: str) -> bool:
        answer = await asyncio.to_thread(self._store.answer, identity)
        if answer is not None:
            await self._finish(identity, answer)
        return answer is not None

    async def _keep(self, identity: str, answer: Answer) -> None:
        await asyncio.to_thread(self._store.keep_answer, identity, answer)
        await self._finish(identity, answer)

    async def _finish(self, identity: str, answer: Answer) -> None:
        heard = self._heard.pop(identity, 0)
        await self._settle(self._note_done(self._claim(identity), answer, heard))

    async def _note_done(self, jobs: Sequence[Job], answer: Answer, heard: int) -> None:
        for job in jobs:
            if heard < len(answer.text):
                # Its end was told ahead of its last words, or they were lost with a link.
                self._watch(TextWritten(job.number, heard, answer.text[heard:]))
            await self._set_state(job, State.DONE)
            self._watch(
                JobDone(
                    job=job.number,
                    name=job.name,
                    prompt=answer.text.strip(),
                    finish_reason=answer.finish_reason,
                    engine=answer.engine,
                    seconds=answer.ended - answer.started,
                    prompt_tokens=answer.prompt_tokens,
                    completion_tokens=answer.completion_tokens,
                )
            )
        await self._end(jobs)

    async def _fail(self, jobs: Sequence[Job], error: str) -> None:
        await self._settle(self._note_failed(jobs, error))

    async def _note_failed(self, jobs: Sequence[Job], error: str) -> None:
        for job in jobs:
            await self._set_state(job, State.FAILED, error)
            self._watch(JobFailed(job.number, job.name, error))
        await self._end(jobs)

    async def _cancelled(self, jobs: Sequence[Job]) -> None:
        await self._settle(self._note_cancelled(jobs))

    async def _note_cancelled(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            await self._set_state(job, State.CANCELLED)
            self._watch(JobCancelled(job.number, job.name))
        await self._end(jobs)

    async def _postpone(self, jobs: Sequence[Job], reason: str) -> None:
        await self._settle(self._note_postponed(jobs, reason))

    async def _note_postponed(self, jobs: Sequence[Job], reason: str) -> None:
        for job in jobs:
            await self._set_state(job, State.QUEUED)
            self._watch(JobPostponed(job.number, job.name, reason))
        self._leave(jobs)

    async def _end(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._unwritten[job.destination] -= 1
            if not self._unwritten[job.destination]:
                await self._deliver(job.destination)
        self._leave(jobs)

    def _leave(self, jobs: Sequence[Job]) -> None:
        """These jobs are no longer this run's concern."""
        for job in jobs:
            self._remaining.pop(job.number, None)
        if not self._remaining:
            self._all_ended.set()

    async def _deliver(self, destination: Path, *, only_try: bool = False) -> None:
        """Write the results for this file, unless another run's jobs for it are still to end.

        `only_try`: it is another run's file, so it is no trouble of this run if that cannot be done.
        """
        jobs = await asyncio.to_thread(self._store.with_destination, destination)
        if not all(job.state.ended for job in jobs):
            return
        try:
            files = await asyncio.to_thread(
                write_results, self._store, destination, jobs, self._force
            )
        except UpsampleError as error:
            if not only_try:
                self._watch(WritingFailed(destination, str(error)))
            return
        if files:
            self._watch(ResultsWritten(files[0], tuple(files[1:])))

    def _tell_link(self, state: LinkState, detail: str = "", retry_in: float = 0.0) -> None:
        self._watch(LinkChanged(self._box.name, state, detail, retry_in))


def _first(errors: ExceptionGroup[Exception]) -> Exception:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error
