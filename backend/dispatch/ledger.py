"""The jobs of one run: which are left, which request answers which, and how each of them ends.

Every change goes to the queue's file first and to whoever watches second. An ending is seen through once
it has begun, even when the link that brought it breaks or Ctrl-C comes: half an ending would leave a job
done and its file unwritten.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from pathlib import Path

from backend.dispatch.prepare import Ready
from backend.errors import UpsampleError
from backend.events import (
    Event,
    JobCancelled,
    JobDone,
    JobFailed,
    JobPaused,
    JobPostponed,
    JobPrepared,
    JobSent,
    JobStarted,
    ResultsWritten,
    TextWritten,
    WritingFailed,
)
from backend.results.review import deliver
from backend.results.writing import is_undelivered, prompt_in
from backend.store import Job, State, Store
from backend.troubles.explain import explain
from remote.protocol import Answer


class Ledger:
    """Keeps the books of one run on one box."""

    def __init__(
        self, store: Store, box: str, watch: Callable[[Event], None], *, force: bool
    ) -> None:
        self._store = store
        self._box = box
        self._watch = watch
        self._force = force
        self._remaining: dict[int, Job] = {}
        self._answered_by: dict[str, set[int]] = {}
        """Which of the remaining jobs a request answers; most often one."""
        self._unwritten: Counter[Path] = Counter()
        """Remaining jobs of each file of results."""
        self._claimed: set[int] = set()
        """Jobs whose end has begun."""
        self._heard: dict[str, int] = {}
        """By identity: characters of the answer that came without a gap."""
        self._endings: set[asyncio.Task[None]] = set()
        self._broken: BaseException | None = None
        """What ended an ending early (disk full); whoever awaited it may have gone."""
        self.has_postponed = False
        """Whether jobs left the run that the box could not take."""
        self.all_ended = asyncio.Event()
        """Set when no job of the run is left."""

    # --- taking up, and laying down ---

    async def take_up(self, jobs: Sequence[Job]) -> list[Job]:
        """Begin the run; returns the jobs that are to be done. Done ones have their results written."""
        unended = self.add(jobs)
        if not unended:
            self.all_ended.set()
        named = {job.destination: None for job in jobs}
        for destination in named:
            if not self._unwritten[destination]:
                await self._deliver(destination)
        # Of earlier runs that were ended between an answer and its file.
        for job in self._store.never_written(self._box):
            if job.destination not in named and is_undelivered(self._store, job):
                named[job.destination] = None
                await self._deliver(job.destination, only_try=True)
        return unended

    def add(self, jobs: Sequence[Job]) -> list[Job]:
        """More jobs for the run, unless it has come to its end; returns those that are new to it."""
        if self.all_ended.is_set():
            return []
        new = [job for job in jobs if not job.state.ended and job.number not in self._remaining]
        for job in new:
            self.adopt(job)
        return new

    def adopt(self, job: Job) -> None:
        """Let a job of another run, or one that had left this one, belong to it."""
        self._remaining[job.number] = job
        self._claimed.discard(job.number)
        self._unwritten[job.destination] += 1
        self._note_answered_by(job)
        self.all_ended.clear()

    def _note_answered_by(self, job: Job) -> None:
        if job.identity and job.state.on_box:
            self._answered_by.setdefault(job.identity, set()).add(job.number)

    async def lay_down(self) -> None:
        """End the run: endings that have begun are seen through, the rest goes back to the queue."""
        await self.settled()
        self._store.back_to_queued(self._remaining)

    async def settled(self) -> None:
        """Wait for the endings that have begun. Raises what one of them raised, so far."""
        if self._endings:
            await asyncio.wait(self._endings)
        if self._broken is not None:
            raise self._broken

    def jobs_of(self, identity: str) -> list[Job]:
        """The jobs of this run that the request answers, until they end."""
        numbers = sorted(self._answered_by.get(identity, ()))
        return [self._remaining[number] for number in numbers if self.is_left(number)]

    @property
    def numbers(self) -> Collection[int]:
        """Of the jobs that have not left this run."""
        return self._remaining.keys()

    def knows(self, number: int) -> bool:
        """Whether the job is or was one of this run."""
        return number in self._remaining or number in self._claimed

    def is_left(self, number: int) -> bool:
        """Whether the job is one of this run and its end has not begun."""
        return number in self._remaining and number not in self._claimed

    # --- going on ---

    async def prepare(self, job: Job) -> None:
        """The job's frames are about to be drawn."""
        await self._set_state(job, State.PREPARING)

    async def note_prepared(self, ready: Ready) -> None:
        """The job's frames are drawn, and it has an identity now."""
        job = ready.job
        await asyncio.to_thread(
            self._store.set_request, job.number, ready.request, ready.prompt_tokens
        )
        if not self.is_left(job.number):
            return
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

    async def note_sent(self, identity: str) -> None:
        """The box has the request on its disk."""
        for job in self.jobs_of(identity):
            # It may be told to run before it is told to be there.
            if await self._set_state(job, State.SENT):
                self._watch(JobSent(job.number, job.name, identity))

    async def note_unsent(self, identity: str) -> None:
        """What the box had on its disk was an earlier try, which has ended."""
        for job in self.jobs_of(identity):
            await self._set_state(job, State.PREPARING)

    async def note_started(self, identity: str, attempt: int, reason: str) -> None:
        """The engine works on the request; text of an earlier attempt is void. `reason` is why it failed
        at that, if it did.
        """
        if jobs := self.jobs_of(identity):
            self._heard[identity] = 0
        for job in jobs:
            why = explain(self._store, job, reason) if reason else ""
            await asyncio.to_thread(self._store.begin_attempt, job.number, attempt, why)
            self._watch(JobStarted(job.number, job.name, attempt, why))

    def note_text(self, identity: str, offset: int, text: str) -> None:
        """A piece of the answer came."""
        jobs = self.jobs_of(identity)
        if jobs and 0 <= offset <= self._heard.get(identity, 0):
            self._heard[identity] = offset + len(text)
        for job in jobs:
            self._watch(TextWritten(job.number, offset, text))

    # --- ending ---

    async def answer_from_store(self, identity: str) -> bool:
        """End the jobs of this request with an answer that is there already, if there is one."""
        answer = await asyncio.to_thread(self._store.answer, identity)
        if answer is not None:
            jobs = self._claim(self.jobs_of(identity))
            await self.see_through(self._finish(jobs, identity, answer))
        return answer is not None

    async def finish(self, identity: str, answer: Answer) -> None:
        """Keep the answer and end the jobs that it is for; what this box was never asked is not kept."""
        known = bool(self.jobs_of(identity))
        if not (known or await asyncio.to_thread(self._store.was_asked, self._box, identity)):
            return
        await asyncio.to_thread(self._store.keep_answer, identity, answer)
        await self.answer_from_store(identity)

    async def fail(self, identity: str, reason: str) -> None:
        """The box has given the request up, for the reason that its engine gave."""
        jobs = self._claim(self.jobs_of(identity))
        await self.see_through(self._fail(jobs, [explain(self._store, j, reason) for j in jobs]))

    async def fail_job(self, job: Job, error: UpsampleError) -> None:
        """The job cannot even be sent."""
        jobs = self._claim([job])
        await self.see_through(self._fail(jobs, [str(error)] * len(jobs)))

    async def cancel(self, jobs: Iterable[Job]) -> None:
        """The jobs were taken back; those whose end has begun end as they would have."""
        await self.see_through(self._cancel(self._claim(jobs)))

    async def end_elsewhere(self, identity: str, state: State, reason: str = "") -> None:
        """Note how the box ended jobs that an earlier run sent; it will not tell it again."""
        await self.see_through(self._end_elsewhere(identity, state, reason))

    async def postpone(self, identity: str, reason: str) -> None:
        """The box cannot take the request now; its jobs stay in the queue and leave this run."""
        jobs = self._claim(self.jobs_of(identity))
        await self.see_through(self._postpone(jobs, reason))

    async def pause(self, jobs: Iterable[Job]) -> None:
        """The user wants these to wait; they leave this run, those whose end has begun excepted."""
        await self.see_through(self._pause(self._claim(jobs)))

    def _claim(self, jobs: Iterable[Job]) -> list[Job]:
        """Those of the jobs that are left, for whoever ends them; only the first one gets them."""
        claimed = [job for job in jobs if self.is_left(job.number)]
        self._claimed.update(job.number for job in claimed)
        return claimed

    async def see_through(self, ending: Coroutine[None, None, None]) -> None:
        """Await it, and let it go on if whoever awaits it is cancelled."""
        task = asyncio.create_task(ending)
        self._endings.add(task)
        task.add_done_callback(self._note_ended)
        await asyncio.shield(task)

    def _note_ended(self, task: asyncio.Task[None]) -> None:
        self._endings.discard(task)
        if not task.cancelled():
            error = task.exception()  # asked for each, or Python complains that nobody did
            self._broken = self._broken or error

    async def _finish(self, jobs: Sequence[Job], identity: str, answer: Answer) -> None:
        heard = self._heard.pop(identity, 0)
        for job in jobs:
            if heard < len(answer.text):
                # Its end was told ahead of its last words, or they were lost with a link.
                self._watch(TextWritten(job.number, heard, answer.text[heard:]))
            try:
                cleaned = await asyncio.to_thread(prompt_in, answer, job)
            except UpsampleError as error:
                await self._set_state(job, State.FAILED, str(error))
                self._watch(JobFailed(job.number, job.name, str(error)))
                continue
            await asyncio.to_thread(self._store.finish, job.number, answer)
            self._watch(
                JobDone(
                    job=job.number,
                    name=job.name,
                    prompt=cleaned.text,
                    finish_reason=answer.finish_reason,
                    engine=answer.engine,
                    seconds=answer.ended - answer.started,
                    prompt_tokens=answer.prompt_tokens,
                    completion_tokens=answer.completion_tokens,
                )
            )
        await self._end(jobs)

    async def _fail(self, jobs: Sequence[Job], errors: Sequence[str]) -> None:
        for job, error in zip(jobs, errors, strict=True):
            await self._set_state(job, State.FAILED, error)
            self._watch(JobFailed(job.number, job.name, error))
        await self._end(jobs)

    async def _cancel(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            await self._set_state(job, State.CANCELLED)
            self._watch(JobCancelled(job.number, job.name))
        await self._end(jobs)

    async def _end_elsewhere(self, identity: str, state: State, reason: str) -> None:
        for job in await asyncio.to_thread(self._store.sent, self._box, identity):
            if not self.knows(job.number):
                error = explain(self._store, job, reason) if reason else ""
                await self._set_state(job, state, error)
                await self._deliver(job.destination, only_try=True)

    async def _postpone(self, jobs: Sequence[Job], reason: str) -> None:
        self.has_postponed = True
        for job in jobs:
            await self._set_state(job, State.QUEUED)
            self._watch(JobPostponed(job.number, job.name, reason))
        await self._end(jobs)

    async def _pause(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            await self._set_state(job, State.PAUSED)
            self._watch(JobPaused(job.number, job.name))
        await self._end(jobs)
        # They may come back to this run.
        self._claimed.difference_update(job.number for job in jobs)

    async def _end(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._unwritten[job.destination] -= 1
            if not self._unwritten[job.destination]:
                await self._deliver(job.destination)
        self._leave(jobs)

    def _leave(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._remaining.pop(job.number, None)
        if not self._remaining:
            self.all_ended.set()

    # --- files ---

    async def _deliver(self, destination: Path, *, only_try: bool = False) -> None:
        """Write the results that there are for this file; others, of another run, join them later.

        `only_try`: it is another run's file, so it is no trouble of this run if that cannot be done.
        """
        try:
            files = await asyncio.to_thread(deliver, self._store, destination, force=self._force)
        except UpsampleError as error:
            if not only_try:
                self._watch(WritingFailed(destination, str(error)))
            return
        if files:
            self._watch(ResultsWritten(files[0], tuple(files[1:])))

    async def _set_state(self, job: Job, state: State, error: str = "") -> bool:
        return await asyncio.to_thread(self._store.set_state, job.number, state, error)
