"""Writes the result files of a run: each when the last of its jobs in the run has ended."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Container, Iterable
from pathlib import Path

from backend.errors import UpsampleError
from backend.events import Event, ResultsWritten, WritingFailed
from backend.results.decisions import deliver
from backend.results.undelivered import undelivered
from backend.store import Job, Store


class ResultFiles:
    """The result files of one run."""

    def __init__(self, store: Store, watch: Callable[[Event], None], *, force: bool) -> None:
        """`watch` is called with every event; `force` lets results replace files."""
        self._store = store
        self._watch = watch
        self._force = force
        self._unwritten: Counter[str] = Counter()
        """How many jobs that have not ended each result file has, by its path. As text, it takes a third."""

    async def begin(self, ended_in: Iterable[Path], box: str, numbers: Container[int]) -> None:
        """Write what is there already: the files in `ended_in`, in which jobs of the run have ended, and what
        earlier runs left. `numbers` are those of the run's jobs.
        """
        known = set(ended_in)
        for file in ended_in:
            if self.is_complete(file):
                await self.deliver(file)
        # Earlier runs may have been killed after they stored an answer and before they wrote its file.
        for due in await asyncio.to_thread(undelivered, self._store, box):
            if due.file not in known and self.is_complete(due.file):
                known.add(due.file)
                await self.deliver(due.file, is_of_other_run=due.job.number not in numbers)

    def expect(self, job: Job) -> None:
        """Note that a job of the run is to end."""
        self._unwritten[str(job.destination)] += 1

    def is_complete(self, file: Path) -> bool:
        """Whether all jobs of the run that write this file have ended."""
        return not self._unwritten[str(file)]

    async def end(self, job: Job) -> None:
        """Note that a job has ended or left the run. Writes its file if it was the last one."""
        self._unwritten[str(job.destination)] -= 1
        if self.is_complete(job.destination):
            del self._unwritten[str(job.destination)]
            await self.deliver(job.destination)

    async def deliver(self, destination: Path, *, is_of_other_run: bool = False) -> None:
        """Write the results of this file that there are; results of another run are added to it later.

        With `is_of_other_run`, the file belongs to another run, so a failure is not reported here.
        """
        try:
            # --force is about what this run was asked for.
            force = self._force and not is_of_other_run
            files = await asyncio.to_thread(deliver, self._store, destination, force=force)
        except UpsampleError as error:
            if not is_of_other_run:
                self._watch(WritingFailed(destination, str(error)))
            return
        if files:
            self._watch(ResultsWritten(files[0], tuple(files[1:])))
