"""A priority queue whose priorities may change while its items wait."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class PriorityQueue(asyncio.Queue[T]):
    """`get` returns the item with the smallest place; of equal places, the item that was put first."""

    _queue: list[tuple[float, int, T]]

    def __init__(self, place: Callable[[T], float], maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._place = place
        self._came = 0

    def sort_again(self) -> None:
        """Ask for the place of every item again, after some have changed."""
        self._queue = [(self._place(item), came, item) for _, came, item in self._queue]
        heapq.heapify(self._queue)

    # asyncio.Queue calls these three to keep its items.

    def _init(self, maxsize: int) -> None:
        self._queue = []

    def _put(self, item: T) -> None:
        self._came += 1
        heapq.heappush(self._queue, (self._place(item), self._came, item))

    def _get(self) -> T:
        return heapq.heappop(self._queue)[2]
