"""Chooses which of the waiting jobs starts next. The queues of the apps take turns, so that a long one does
not hold up the others; within a queue, jobs start in their order.

It knows only the names of jobs and apps. However many jobs wait, each operation takes O(log n) for each job
that it names.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

_SLACK = 64
"""Outdated entries that a heap may have beside one for each job that waits."""


class _Queue:
    """The waiting jobs of one app, with the lowest rank first."""

    def __init__(self, app: str) -> None:
        self.app = app
        self.waiting = 0
        self.heap: list[tuple[int, str]] = []
        """A rank and a job in each entry. An entry with another rank than its job's is outdated."""


class _Place(NamedTuple):
    """Where a job waits."""

    queue: _Queue
    rank: int


class Turns:
    """The jobs that wait, and whose turn it is."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self._queues: OrderedDict[str, _Queue] = OrderedDict()
        """The queues in which jobs wait, in the order of their turns."""
        # Ranks are unique among all queues, and never given out twice.
        self._lowest = 0
        self._highest = 0

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, job: str) -> bool:
        return job in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def add(self, job: str, app: str) -> None:
        """Let a job that does not wait yet wait at the end of the app's queue."""
        self._highest += 1
        self._add(job, app, self._highest)

    def add_first(self, job: str, app: str) -> None:
        """Let a job that does not wait yet wait at the front of the app's queue."""
        self._lowest -= 1
        self._add(job, app, self._lowest)

    def choose(self, last: Collection[str] = frozenset()) -> str | None:
        """Return the job that starts next; None when none waits. A job of `last` comes after all others."""
        found = (self._first(queue, last) for queue in self._queues.values())
        job = next((job for job in found if job is not None), None)
        return self.choose() if job is None and last and self._places else job

    def take(self, job: str) -> int:
        """Remove a waiting job that starts: its queue has had its turn. Returns the job's rank: jobs behind
        it in its queue have higher ones.
        """
        queue, rank = self._places[job]
        self._queues.move_to_end(queue.app)
        self.remove(job)
        return rank

    def remove(self, job: str) -> None:
        """Remove a job, if it waits. Its queue does not lose a turn."""
        place = self._places.pop(job, None)
        if place is None:
            return
        place.queue.waiting -= 1
        if not place.queue.waiting:
            del self._queues[place.queue.app]

    def moved(self, jobs: Iterable[str]) -> list[str]:
        """Return those of these jobs that `arrange` would move, in an order that has the same effect."""
        moved: list[str] = []
        for wanted in self._by_queue(jobs):
            present = sorted(wanted, key=self._rank)
            moved += [new for new, old in zip(wanted, present, strict=True) if new != old]
        return moved

    def arrange(self, jobs: Iterable[str]) -> None:
        """Put those of these jobs that wait into this order. Jobs of one queue change places among
        themselves, and jobs that are not named keep theirs.
        """
        for wanted in self._by_queue(jobs):
            for job, rank in zip(wanted, sorted(map(self._rank, wanted)), strict=True):
                self._place(job, self._places[job].queue, rank)

    def _add(self, job: str, app: str, rank: int) -> None:
        queue = self._queues.get(app)
        if queue is None:
            queue = self._queues[app] = _Queue(app)
        queue.waiting += 1
        self._place(job, queue, rank)

    def _place(self, job: str, queue: _Queue, rank: int) -> None:
        self._places[job] = _Place(queue, rank)
        heapq.heappush(queue.heap, (rank, job))
        if len(queue.heap) > 2 * queue.waiting + _SLACK:
            queue.heap = sorted({entry for entry in queue.heap if self._is_current(entry)})

    def _rank(self, job: str) -> int:
        return self._places[job].rank

    def _by_queue(self, jobs: Iterable[str]) -> list[list[str]]:
        """Those of these jobs that wait, once each, by their queues."""
        found: dict[str, list[str]] = {}
        for job in dict.fromkeys(jobs):
            if job in self._places:
                found.setdefault(self._places[job].queue.app, []).append(job)
        return list(found.values())

    def _first(self, queue: _Queue, last: Collection[str]) -> str | None:
        """The queue's first job that is not in `last`; None when there is none."""
        passed: list[tuple[int, str]] = []
        found = None
        while queue.heap and found is None:
            entry = queue.heap[0]
            if self._is_current(entry) and entry[1] not in last:
                found = entry[1]
            else:
                heapq.heappop(queue.heap)
                if self._is_current(entry):
                    passed.append(entry)
        for entry in passed:
            heapq.heappush(queue.heap, entry)
        return found

    def _is_current(self, entry: tuple[int, str]) -> bool:
        place = self._places.get(entry[1])
        return place is not None and place.rank == entry[0]
