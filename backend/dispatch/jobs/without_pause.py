"""Goes through very many jobs in one go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")


async def without_pause(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield the items while no other task runs; a Ctrl-C ends it all the same."""
    task = asyncio.current_task()
    for item in items:
        if task is not None and task.cancelling():
            await asyncio.sleep(0)
        yield item
