"""Work that a cancel does not break off: ending half of a process group would leave the other half."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


async def run_unbroken(work: Coroutine[object, object, T] | asyncio.Task[T]) -> T:
    """Run the work to its end, although the caller may be cancelled meanwhile; the cancel is raised then.

    Several callers may wait for the same task.
    """
    task = work if isinstance(work, asyncio.Task) else asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])  # unlike `await task`, it passes no cancel on
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # or asyncio complains that nobody asked for it
        raise cancelled
    return task.result()
