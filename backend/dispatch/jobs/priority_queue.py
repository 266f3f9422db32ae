"""A priority queue whose priorities may change while its items wait."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class PriorityQueue(asyncio.Queue[T]):
    """A queue whose `get` returns the item with the smallest place.

    Items with equal places come in the order in which they were put.
    """

    _queue: list[tuple[float, int, T]]

    def __init__(self, place: Callable[[T], float], maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._place = place
        self._put_count = 0

    def sort_again(self) -> None:
        """Read the place of every item again, after some have changed."""
        self._queue = [(self._place(item), order, item) for _, order, item in self._queue]
        heapq.heapify(self._queue)

    def items(self) -> list[T]:
        """Return the items in the order in which they would come."""
        return [item for _, _, item in sorted(self._queue, key=lambda entry: entry[:2])]

    def withdraw(self, is_wanted: Callable[[T], bool]) -> list[T]:
        """Remove the items for which `is_wanted` is true, and return them."""
        items = [self.get_nowait() for _ in range(self.qsize())]
        for item in items:
            if not is_wanted(item):
                self.put_nowait(item)
        return [item for item in items if is_wanted(item)]

    # asyncio.Queue calls these three to keep its items.

    def _init(self, maxsize: int) -> None:
        self._queue = []

    def _put(self, item: T) -> None:
        self._put_count += 1
        heapq.heappush(self._queue, (self._place(item), self._put_count, item))

    def _get(self) -> T:
        return heapq.heappop(self._queue)[2]
