"""Jobs as another process works on them: what the queue's file says of them, as events.

It holds how jobs stand and what came back, not the text while it is written, nor how boxes do.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable, Sequence

from backend.errors import UpsampleError
from backend.events import (
    Event,
    JobCancelled,
    JobDone,
    JobFailed,
    JobPaused,
    JobSent,
    JobStarted,
    ResultsWritten,
    WritingFailed,
)
from backend.results.review import deliver
from backend.results.writing import prompt_in
from backend.store import Job, State, Store

_OVERLAP = 60.0
"""Seconds that are looked at again, because clocks are set back now and then."""
_WHOLE_LOOK = 40
"""Looks after which all jobs are looked at, because clocks are set back by more than that, too."""


class News:
    """Which jobs changed since one looked last, whoever changed them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._since = time.time()
        self._known: dict[int, tuple[float, State]] = {}
        self._looks = itertools.count(1)

    def look(self) -> list[Job]:
        """The jobs that changed, in that order, each as it stands now. Blocks."""
        whole = not next(self._looks) % _WHOLE_LOOK
        changes = self._store.changes_since(0.0 if whole else self._since - _OVERLAP)
        new = {n: change for n, change in changes.items() if self._known.get(n) != change}
        self._known |= new
        self._since = max([self._since, *(changed for changed, _ in new.values())])
        return sorted(self._store.jobs(new), key=lambda job: job.changed) if new else []

    def take_as_known(self, jobs: Iterable[Job]) -> None:
        """Nobody need be told how these stand."""
        self._known |= {job.number: (job.changed, job.state) for job in jobs}


class Follower:
    """Follows a set of jobs until they have ended."""

    def __init__(self, store: Store, jobs: Sequence[Job], watch: Callable[[Event], None]) -> None:
        """`jobs` as they stand now; `watch` hears of everything, on the loop."""
        self._store = store
        self._watch = watch
        self._jobs = {job.number: job for job in jobs}
        self._left = {job.number for job in jobs if not job.state.ended}
        self._unwritten = {job.destination for job in jobs}
        self._news = News(store)
        self._news.take_as_known(jobs)
        self._version = -1

    @property
    def left(self) -> list[int]:
        """The jobs that had not ended when that was last looked at, by number."""
        return sorted(self._left)

    async def have_ended(self) -> bool:
        """Tell what happened since the last look; returns whether all jobs have ended or are paused."""
        version = await asyncio.to_thread(self._store.others_version)
        if version != self._version:
            self._version = version
            for job in await asyncio.to_thread(self._news.look):
                if job.number in self._jobs:
                    await self._note(job)
            # What ended and was cleared between two looks changes no more.
            self._left = await asyncio.to_thread(self._store.still_there, self._left)
            await self._see_to_files()
        return not self._left

    async def _note(self, job: Job) -> None:
        self._jobs[job.number] = job
        if job.state.ended or job.state is State.PAUSED:
            self._left.discard(job.number)
        else:
            self._left.add(job.number)
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
                return JobFailed(job.number, job.name, job.error)
            case State.CANCELLED:
                return JobCancelled(job.number, job.name)
            case State.PAUSED:
                return JobPaused(job.number, job.name)
            case State.QUEUED | State.PREPARING:
                return None

    def _done(self, job: Job) -> Event | None:
        answer = self._store.answer(job.identity or "")
        if answer is None:
            return None
        try:
            prompt = prompt_in(answer, job).text
        except UpsampleError as error:
            return JobFailed(job.number, job.name, str(error))
        return JobDone(
            job=job.number,
            name=job.name,
            prompt=prompt,
            finish_reason=answer.finish_reason,
            engine=answer.engine,
            seconds=answer.ended - answer.started,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
        )

    async def _see_to_files(self) -> None:
        """Whoever worked on the jobs writes these, too; doing it again changes nothing."""
        waiting = {self._jobs[number].destination for number in self._left}
        for file in sorted(self._unwritten - waiting):
            self._unwritten.discard(file)
            try:
                files = await asyncio.to_thread(deliver, self._store, file)
            except UpsampleError as error:
                self._watch(WritingFailed(file, str(error)))
                continue
            if files:
                self._watch(ResultsWritten(files[0], tuple(files[1:])))
