"""Reports jobs that another process runs: reads their changes from the queue's file and makes events of them.

The file holds the states of jobs and their answers, but not the text while it is being written. How a box
does, `box_news` reads.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from backend.dispatch.jobs.done_event import done_event
from backend.errors import ConfigError, UpsampleError
from backend.events import (
    Event,
    JobCancelled,
    JobDrawnAgain,
    JobFailed,
    JobPaused,
    JobSent,
    JobStarted,
    ResultsWritten,
    WritingFailed,
)
from backend.results.decisions import deliver
from backend.results.writing import profile_of, taken_prompt
from backend.store import Draw, Job, State, Store

_OVERLAP = 60.0
"""Seconds before the last known change that each poll reads again, because a clock may be set back."""
_WHOLE_POLL = 40
"""Every so many polls reads all jobs, because a clock may be set back by more than the overlap."""


@dataclass(frozen=True, slots=True)
class JobChange:
    """A job that changed."""

    job: Job
    """As it is now."""
    is_queued_anew: bool
    """Whether somebody has queued or resumed it, or given it to another box. A run that ends puts jobs back
    into the queue, too."""


class JobChanges:
    """Finds the jobs that changed since the last poll, in whichever process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._since = time.time()
        self._known: dict[int, tuple[float, State]] = {}
        self._asked: dict[int, tuple[int, str]] = {}
        """The batch with which each job was queued last, and its box."""
        self._polls = itertools.count(1)

    def poll(self) -> list[JobChange]:
        """Return what changed since the last poll, in the order of the changes. Blocks."""
        whole = not next(self._polls) % _WHOLE_POLL
        changes = self._store.changes_since(0.0 if whole else self._since - _OVERLAP)
        new = {n: change for n, change in changes.items() if self._known.get(n) != change}
        before, self._known = self._known, self._known | new
        self._since = max([self._since, *(changed for changed, _ in new.values())])
        jobs = sorted(self._store.jobs(new), key=lambda job: job.changed) if new else []
        changed = [JobChange(job, self._is_queued_anew(job, before)) for job in jobs]
        self._asked |= {job.number: (job.asked, job.box) for job in jobs}
        return changed

    def _is_queued_anew(self, job: Job, before: Mapping[int, tuple[float, State]]) -> bool:
        if job.state is not State.QUEUED:
            return False
        if job.number not in before or self._asked.get(job.number) != (job.asked, job.box):
            return True
        state = before[job.number][1]
        return state.ended or state is State.PAUSED

    def mark_as_known(self, jobs: Iterable[Job]) -> None:
        """Do not report the current states of these jobs."""
        jobs = tuple(jobs)
        self._known |= {job.number: (job.changed, job.state) for job in jobs}
        self._asked |= {job.number: (job.asked, job.box) for job in jobs}


class Follower:
    """Reports the changes of a set of jobs until all have ended."""

    def __init__(self, store: Store, jobs: Sequence[Job], watch: Callable[[Event], None]) -> None:
        """`jobs` in their current states; `watch` is called with every event, on the event loop."""
        self._store = store
        self._watch = watch
        self._jobs = {job.number: job for job in jobs}
        self._unended = {job.number for job in jobs if not job.state.ended}
        self._unwritten = {job.destination for job in jobs}
        self._job_changes = JobChanges(store)
        self._job_changes.mark_as_known(jobs)
        self._version = -1

    @property
    def unended(self) -> list[int]:
        """Numbers of the jobs that had not ended at the last poll."""
        return sorted(self._unended)

    async def report_changes(self) -> bool:
        """Report the changes since the last poll. Returns whether all jobs have ended or are paused."""
        version = await asyncio.to_thread(self._store.others_version)
        if version != self._version:
            self._version = version
            for change in await asyncio.to_thread(self._job_changes.poll):
                if change.job.number in self._jobs:
                    await self._note(change.job)
            # A job that ended and was cleared from the queue between two polls is not among the changes.
            self._unended = await asyncio.to_thread(self._store.existing, self._unended)
            await self._write_files()
        return not self._unended

    async def _note(self, job: Job) -> None:
        before, self._jobs[job.number] = self._jobs[job.number], job
        if job.state.ended or job.state is State.PAUSED:
            self._unended.discard(job.number)
        else:
            self._unended.add(job.number)
        for drawn in await asyncio.to_thread(_drawn_since, before, job):
            self._watch(drawn)
        event = await asyncio.to_thread(self._event, job)
        if event is not None:
            self._watch(event)

    def _event(self, job: Job) -> Event | None:
        match job.state:
            case State.SENT:
                return JobSent(job.number, job.name, job.identity or "")
            case State.RUNNING:
                attempts = self._store.attempts([job.number]).get(job.number)
                return JobStarted(job.number, job.name, attempts[-1].number if attempts else 1)
            case State.DONE:
                return self._done(job)
            case State.FAILED:
                draw = _last_draw(job)
                return JobFailed(job.number, job.name, job.error, draw.cost if draw else None)
            case State.CANCELLED:
                return JobCancelled(job.number, job.name)
            case State.PAUSED:
                return JobPaused(job.number, job.name)
            case State.QUEUED | State.PREPARING:
                return None

    def _done(self, job: Job) -> Event | None:
        answer = self._store.answer(job.identity or "", job.box)
        if answer is None:
            return None
        try:
            prompt = taken_prompt(answer, job).text
        except UpsampleError as error:
            return JobFailed(job.number, job.name, str(error))
        return done_event(job, prompt, answer, answer.cost)

    async def _write_files(self) -> None:
        """Write the results of files whose jobs have all ended.

        The process that runs the jobs writes them, too; writing them twice changes nothing.
        """
        waiting = {self._jobs[number].destination for number in self._unended}
        for file in sorted(self._unwritten - waiting):
            self._unwritten.discard(file)
            try:
                files = await asyncio.to_thread(deliver, self._store, file)
            except UpsampleError as error:
                self._watch(WritingFailed(file, str(error)))
                continue
            if files:
                self._watch(ResultsWritten(files[0], tuple(files[1:])))


def _drawn_since(before: Job, job: Job) -> list[JobDrawnAgain]:
    """Return the draws of a job after which another one was asked for, since it was as `before`."""
    first = len(before.draws)
    new = job.draws[first:]
    if new and new[-1] == _last_draw(job):
        new = new[:-1]
    if not new:
        return []
    most = 0
    with suppress(ConfigError):  # the profile is gone
        most = profile_of(job).answer.draws
    return [
        JobDrawnAgain(job.number, job.name, number, max(most, number), draw.problem, draw.cost)
        for number, draw in enumerate(new, first + 2)
    ]


def _last_draw(job: Job) -> Draw | None:
    """Return the draw with which a job has failed; None where it has not failed with one."""
    is_last = job.state is State.FAILED and job.draws and job.draws[-1].identity == job.identity
    return job.draws[-1] if is_last else None
