"""Waits with a time limit that never lose a cancel, as `asyncio.wait_for` can before Python 3.12."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def bounded(work: Awaitable[T], seconds: float | None) -> T:
    """Await the work for so many seconds, or without limit; after them it is cancelled.

    Raises asyncio.TimeoutError.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait([task], timeout=seconds)
        if not done:
            raise asyncio.TimeoutError
        return task.result()
    finally:
        if not task.done():
            task.cancel()
        elif not task.cancelled():
            task.exception()  # or asyncio complains that nobody asked for it
