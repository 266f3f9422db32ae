"""A line of jobs that wait, in the order of their places; which can change while they wait."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Line(asyncio.Queue[T]):
    """A queue whose `get` gives what has the smallest place now; of equals, what came first."""

    _queue: list[tuple[float, int, T]]

    def __init__(self, place: Callable[[T], float], maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._place = place
        self._came = 0

    def arrange(self) -> None:
        """Places have changed."""
        self._queue = [(self._place(item), came, item) for _, came, item in self._queue]
        heapq.heapify(self._queue)

    # What asyncio.Queue leaves to those that build on it.

    def _init(self, maxsize: int) -> None:
        self._queue = []

    def _put(self, item: T) -> None:
        self._came += 1
        heapq.heappush(self._queue, (self._place(item), self._came, item))

    def _get(self) -> T:
        return heapq.heappop(self._queue)[2]
