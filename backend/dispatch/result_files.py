"""Writes the result files of a run: each when the last of its jobs in the run has ended."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from backend.errors import UpsampleError
from backend.events import Event, ResultsWritten, WritingFailed
from backend.results.review import deliver
from backend.store import Job, Store


class ResultFiles:
    """The result files of one run."""

    def __init__(self, store: Store, watch: Callable[[Event], None], *, force: bool) -> None:
        """`watch` is called with every event; `force` lets results replace files."""
        self._store = store
        self._watch = watch
        self._force = force
        self._unwritten: Counter[Path] = Counter()
        """How many jobs that have not ended each result file has."""

    def expect(self, job: Job) -> None:
        """Note that a job of the run is to end."""
        self._unwritten[job.destination] += 1

    def is_complete(self, file: Path) -> bool:
        """Whether all jobs of the run that write this file have ended."""
        return not self._unwritten[file]

    async def end(self, job: Job) -> None:
        """Note that a job has ended or left the run. Writes its file if it was the last one."""
        self._unwritten[job.destination] -= 1
        if self.is_complete(job.destination):
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
