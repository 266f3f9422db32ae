"""Keeps account of the jobs of one run: which have not ended, and how each ends.

Every change goes to the queue's file first and to the `watch` callback second. An ending that has begun is
always completed, even when the link that brought it breaks or the user presses Ctrl-C: half an ending would
leave a job done and its file unwritten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path

from backend.dispatch.jobs.done_event import done_event
from backend.dispatch.jobs.draws import DrawAgain, judge
from backend.dispatch.jobs.packed_jobs import PackedJobs
from backend.dispatch.jobs.result_files import ResultFiles
from backend.dispatch.jobs.second_answers import keep_second_answer
from backend.dispatch.jobs.told_costs import with_told_costs
from backend.dispatch.jobs.without_pause import without_pause
from backend.dispatch.preparing.prepare import Ready
from backend.dispatch.sending.flight import Flight
from backend.errors import UpsampleError
from backend.events import (
    Event,
    JobCancelled,
    JobDrawnAgain,
    JobFailed,
    JobPaused,
    JobPostponed,
    JobPrepared,
    JobSent,
    JobStarted,
    TextWritten,
)
from backend.store import Job, State, Store
from backend.troubles.explain import explain
from remote.protocol import Answer, Cancelled, Durable, Failed, Finished, Refused


class Ledger:
    """The jobs of one run on one box, and their changes of state."""

    def __init__(
        self,
        store: Store,
        box: str,
        watch: Callable[[Event], None],
        *,
        force: bool,
        wait_again: Callable[[Job], None] = lambda _: None,
    ) -> None:
        """`wait_again` gets the jobs for which another answer is to be drawn."""
        self._wait_again = wait_again
        self._store = store
        self._box = box
        self._watch = watch
        self.files = ResultFiles(store, watch, force=force)
        self._remaining = PackedJobs()
        self.is_kept_open = False
        """Whether the run goes on without a job, because others may join it. Set by `keep_open`."""
        self._claimed: set[int] = set()
        """Numbers of the jobs whose ending has begun."""
        self._untold: dict[str, bool] = {}
        """Answers that came in this run for no job of it, by identity: no event has told their cost."""
        self._endings: set[asyncio.Task[None]] = set()
        self._broken: BaseException | None = None
        """The first error that an ending raised (disk full); the task that awaited it may be cancelled."""
        self._postponed: set[int] = set()
        self.all_ended = asyncio.Event()
        """Set when the run has no jobs any more, and is not kept open for others."""

    # --- the jobs of the run ---

    async def begin(self, jobs: Iterable[Job]) -> list[int]:
        """Begin the run. Writes the results of jobs that are done already; returns the numbers of the jobs to
        be done.
        """
        numbers: set[int] = set()
        unended: list[int] = []
        ended_in: dict[Path, None] = {}
        # Not in a thread: a job that ends during the query would look as if it were still to be done.
        async for job in without_pause(jobs):
            numbers.add(job.number)
            if job.state.ended:
                ended_in[job.destination] = None
            unended += self.add([job])
        if not unended and not self.is_kept_open:
            self.all_ended.set()
        await self.files.begin(ended_in, self._box, numbers)
        return unended

    def add(self, jobs: Iterable[Job]) -> list[int]:
        """Add jobs to the run, unless it has ended; returns the numbers of those that were not part of it."""
        if self.all_ended.is_set():
            return []
        new = [job for job in jobs if not job.state.ended and job.number not in self._remaining]
        for job in new:
            self.adopt(job)
        return [job.number for job in new]

    def adopt(self, job: Job) -> None:
        """Make a job part of this run, whether it was in another run or has left this one."""
        self._postponed.discard(job.number)
        self._remaining[job.number] = job
        self._claimed.discard(job.number)
        self.files.expect(job)
        self.all_ended.clear()

    def keep_open(self, wanted: bool) -> None:
        """Let the run go on although it has no jobs, because others may join it; or end it then."""
        self.is_kept_open = wanted
        if not wanted and not self._remaining:
            self.all_ended.set()

    async def give_back(self, jobs: Iterable[Job]) -> None:
        """Let other boxes take these jobs of a fleet, which the box was never sent; they leave this run."""
        await self.run_shielded(self._give_back(self._claim(jobs)))

    async def close(self) -> None:
        """End the run: complete the endings that have begun, and put the other jobs back into the queue."""
        await self.wait_for_endings()
        self._store.back_to_queued(self._remaining)

    async def wait_for_endings(self) -> None:
        """Wait for the endings that have begun. Raises the first error that any ending has raised."""
        if self._endings:
            await asyncio.wait(self._endings)
        if self._broken is not None:
            raise self._broken

    def active(self, numbers: Iterable[int]) -> list[Job]:
        """Return those of these jobs that are part of this run and whose ending has not begun."""
        return [self._remaining[number] for number in sorted(numbers) if self.is_active(number)]

    @property
    def numbers(self) -> Collection[int]:
        """Numbers of the jobs that have not left this run."""
        return self._remaining.keys()

    @property
    def active_count(self) -> int:
        """How many jobs are part of this run whose ending has not begun."""
        return sum(number not in self._claimed for number in self._remaining)

    @property
    def postponed(self) -> int:
        """How many jobs have left this run because the box could not take them."""
        return len(self._postponed)

    def knows(self, number: int) -> bool:
        """Whether the job is or was part of this run."""
        return number in self._remaining or number in self._claimed

    def is_active(self, number: int) -> bool:
        """Whether the job is part of this run and its ending has not begun."""
        return number in self._remaining and number not in self._claimed

    # --- progress ---

    async def prepare(self, job: Job) -> None:
        """Note that the job's frames are about to be drawn."""
        await self.note_unsent([job])

    async def note_prepared(self, ready: Ready) -> None:
        """Note that the job's frames are drawn, and store its request and identity."""
        job = ready.job
        await asyncio.to_thread(
            self._store.set_request,
            job.number,
            ready.request,
            ready.prompt_tokens,
            ready.plan.generation,
        )
        if not self.is_active(job.number):
            return
        self._watch(
            JobPrepared(
                job=job.number,
                name=job.name,
                size=str(ready.plan.size or ""),
                frames=len(ready.images),
                prompt_tokens=ready.prompt_tokens,
                image_bytes=ready.image_bytes,
                warning=ready.warning,
            )
        )

    async def note_sent(self, jobs: Iterable[Job], identity: str) -> None:
        """Note that the box has the request of these jobs on its disk."""
        for job in jobs:
            # Started may arrive before Accepted: then the state stays as it is.
            if await self._set_state(job, State.SENT):
                self._watch(JobSent(job.number, job.name, identity))

    async def note_unsent(self, jobs: Iterable[Job]) -> None:
        """Note that the box does not have the request of these jobs, or has ended it before."""
        # Shielded, because a thread that writes it goes on after a cancel, and `close` puts the jobs back.
        await self.run_shielded(self._note_preparing(jobs))

    async def _note_preparing(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            await self._set_state(job, State.PREPARING)

    async def note_started(self, jobs: Iterable[Job], attempt: int, reason: str) -> None:
        """Note that the engine works on the request of these jobs; text of an earlier attempt is void.

        `reason` says why the earlier attempt failed; empty when none did.
        """
        for job in jobs:
            why = explain(self._store, job, reason) if reason else ""
            await asyncio.to_thread(self._store.begin_attempt, job.number, attempt, why)
            self._watch(JobStarted(job.number, job.name, attempt, why))

    def note_text(self, jobs: Iterable[Job], offset: int, text: str) -> None:
        """Report a piece of the answer for these jobs."""
        for job in jobs:
            self._watch(TextWritten(job.number, offset, text))

    # --- ending ---

    async def finish_from_store(self, identity: str, jobs: Iterable[Job]) -> bool:
        """End these jobs if the answer to their request is stored; returns whether it is."""
        answer = await asyncio.to_thread(self._store.answer, identity, self._box)
        if answer is not None:
            is_paid = not self._untold.pop(identity, False)
            claimed = self._claim(jobs)
            await self.run_shielded(self._finish(claimed, answer, identity, is_paid=is_paid))
        return answer is not None

    async def finish(self, flight: Flight[Ready], answer: Answer) -> None:
        """End the jobs that an answer is for, which is stored."""
        jobs = self._claim(self.active(flight.jobs))
        await self.run_shielded(self._finish(jobs, answer, flight.identity, flight.heard))

    async def note_end_elsewhere(self, message: Durable) -> None:
        """Note how the box ended a request for which no job of this run waits."""
        match message:
            case Finished():
                await self._keep_answer(message.job, message.answer)
            case Failed():
                await self.run_shielded(
                    self._end_earlier(message.job, State.FAILED, message.message)
                )
            case Cancelled():
                await self.run_shielded(self._end_earlier(message.job, State.CANCELLED))

    async def _keep_answer(self, identity: str, answer: Answer) -> None:
        """Store an answer, unless nobody asked for it."""
        if await asyncio.to_thread(self._store.was_asked, self._box, identity):
            self._untold[identity] = True
            await asyncio.to_thread(self._store.keep_answer, identity, self._box, answer)

    async def fail(self, jobs: Iterable[Job], reason: str) -> None:
        """Fail jobs that the box cannot be asked to do."""
        claimed = self._claim(jobs)
        await self.run_shielded(self._fail(claimed, [reason] * len(claimed)))

    async def fail_unsendable(self, numbers: Iterable[int], unsendable: Mapping[int, str]) -> None:
        """Fail those of these jobs that would have to be sent again and cannot; `unsendable` says why not."""
        for job in self.active(unsendable.keys() & set(numbers)):
            await self.fail([job], unsendable[job.number])

    async def fail_on_box(
        self, jobs: Iterable[Job], end: Failed | Refused, unsendable: Mapping[int, str]
    ) -> None:
        """Fail jobs that the box has given up. `unsendable` says why some cannot be sent again, by number."""
        claimed = self._claim(jobs)
        reasons = [explain(self._store, job, end.message) for job in claimed]
        for place, job in enumerate(claimed):
            if job.number in unsendable:
                reasons[place] += f"\n  It cannot be sent again: {unsendable[job.number]}"
        cost = end.cost if isinstance(end, Failed) else None
        await self.run_shielded(self._fail(claimed, reasons, cost))

    async def cancel(self, jobs: Iterable[Job]) -> None:
        """Mark the jobs as cancelled, except those whose ending has begun."""
        await self.run_shielded(self._cancel(self._claim(jobs)))

    async def postpone(self, jobs: Iterable[Job], reason: str) -> None:
        """Put jobs that the box cannot take now back into the queue; they leave this run."""
        await self.run_shielded(self._postpone(self._claim(jobs), reason))

    async def pause(self, jobs: Iterable[Job]) -> None:
        """Pause the jobs, except those whose ending has begun; they leave this run."""
        await self.run_shielded(self._pause(self._claim(jobs)))

    def _claim(self, jobs: Iterable[Job]) -> list[Job]:
        """Return the active jobs among these, and mark them: each job is ended by the first caller only."""
        claimed = [job for job in jobs if self.is_active(job.number)]
        self._claimed.update(job.number for job in claimed)
        return claimed

    async def run_shielded(self, ending: Coroutine[None, None, None]) -> None:
        """Await the coroutine, which runs to its end even when the task that awaits it is cancelled."""
        task = asyncio.create_task(ending)
        self._endings.add(task)
        task.add_done_callback(self._note_ended)
        await asyncio.shield(task)

    def _note_ended(self, task: asyncio.Task[None]) -> None:
        self._endings.discard(task)
        if not task.cancelled():
            # Read for each task, or Python logs that it was never retrieved.
            error = task.exception()
            self._broken = self._broken or error

    async def _finish(
        self,
        jobs: Sequence[Job],
        answer: Answer,
        identity: str,
        heard: int = 0,
        *,
        is_paid: bool = False,
    ) -> None:
        ended = []
        for job, cost in with_told_costs(jobs, answer.cost, is_paid=is_paid):
            if heard < len(answer.text):
                # Finished overtook the last pieces of text, or they were lost with a link.
                self._watch(TextWritten(job.number, heard, answer.text[heard:]))
            try:
                cleaned = await asyncio.to_thread(judge, self._store, job, answer)
            except DrawAgain as error:
                self._draw_again(error, cost)
                continue
            except UpsampleError as error:
                ended.append(job)
                await self._note_failed(job, str(error), cost)
                continue
            ended.append(job)
            if await asyncio.to_thread(self._store.finish, job.number, answer, self._box, identity):
                self._watch(done_event(job, cleaned.text, answer, cost))
            else:
                await keep_second_answer(self._store, self._watch, job, self._box, identity)
        await self._end(ended)

    def _draw_again(self, again: DrawAgain, cost: float | None) -> None:
        """Let a job wait for another answer. It is still part of this run."""
        job, draw = again.job, len(again.job.draws) + 1
        self._remaining[job.number] = job
        self._claimed.discard(job.number)
        self._watch(JobDrawnAgain(job.number, job.name, draw, again.most, str(again), cost))
        self._wait_again(job)

    async def _fail(
        self, jobs: Sequence[Job], errors: Sequence[str], cost: float | None = None
    ) -> None:
        for (job, told), error in zip(with_told_costs(jobs, cost), errors, strict=True):
            await self._note_failed(job, error, told)
        await self._end(jobs)

    async def _note_failed(self, job: Job, error: str, cost: float | None) -> None:
        await self._set_state(job, State.FAILED, error)
        self._watch(JobFailed(job.number, job.name, error, cost))

    async def _cancel(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            await self._set_state(job, State.CANCELLED)
            self._watch(JobCancelled(job.number, job.name))
        await self._end(jobs)

    async def _end_earlier(self, identity: str, state: State, reason: str = "") -> None:
        """End jobs that an earlier run sent; the box does not report it again."""
        for job in await asyncio.to_thread(self._store.sent, self._box, identity):
            if not self.knows(job.number):
                error = explain(self._store, job, reason) if reason else ""
                await self._set_state(job, state, error)
                await self.files.deliver(job.destination, is_of_other_run=True)

    async def _postpone(self, jobs: Sequence[Job], reason: str) -> None:
        for job in jobs:
            self._postponed.add(job.number)
            await self._set_state(job, State.QUEUED)
            self._watch(JobPostponed(job.number, job.name, reason))
        await self._end(jobs)

    async def drop(self, jobs: Iterable[Job]) -> None:
        """Let these jobs leave the run as they are in the queue's file: another box has them now."""
        await self.run_shielded(self._drop(self._claim(jobs)))

    async def _drop(self, jobs: Sequence[Job]) -> None:
        await self._end(jobs)
        self._claimed.difference_update(job.number for job in jobs)

    async def _give_back(self, jobs: Sequence[Job]) -> None:
        await asyncio.to_thread(self._store.give_back, [job.number for job in jobs])
        await self._drop(jobs)  # this box may take them again

    async def _pause(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            await self._set_state(job, State.PAUSED)
            self._watch(JobPaused(job.number, job.name))
        await self._end(jobs)
        # Resumed jobs may come back to this run.
        self._claimed.difference_update(job.number for job in jobs)

    async def _end(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            await self.files.end(job)
        for job in jobs:
            self._remaining.pop(job.number, None)
        if not self._remaining and not self.is_kept_open:
            self.all_ended.set()

    async def _set_state(self, job: Job, state: State, error: str = "") -> bool:
        return await asyncio.to_thread(self._store.set_state, job.number, state, error)
