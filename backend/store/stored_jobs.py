"""Some jobs of the queue, of which only the numbers are in memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from backend.store.job import Job
from backend.store.jobs import Jobs

_READ_AT_ONCE = 500


def numbers_of(jobs: Sequence[Job]) -> Sequence[int]:
    """Return the numbers of these jobs, without reading them where that is not needed."""
    return jobs.numbers if isinstance(jobs, StoredJobs) else [job.number for job in jobs]


class StoredJobs(Sequence[Job]):
    """Jobs that are read when they are asked for, each time as they are then. They block as the store does.

    Going through them leaves out those that were cleared from the queue meanwhile.
    """

    def __init__(self, store: Jobs, numbers: Iterable[int]) -> None:
        self._store = store
        self.numbers: Sequence[int] = array("q", numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, place: int) -> Job: ...

    @overload
    def __getitem__(self, place: slice) -> StoredJobs: ...

    def __getitem__(self, place: int | slice) -> Job | StoredJobs:
        if isinstance(place, slice):
            return StoredJobs(self._store, self.numbers[place])
        for job in self._store.jobs([self.numbers[place]]):
            return job
        raise IndexError(place)

    def __iter__(self) -> Iterator[Job]:
        for first in range(0, len(self.numbers), _READ_AT_ONCE):
            numbers = self.numbers[first : first + _READ_AT_ONCE]
            found = {job.number: job for job in self._store.jobs(numbers)}
            yield from (found[number] for number in numbers if number in found)
