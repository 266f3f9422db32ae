"""Orders of waiting jobs that a full disk did not take. They are written as soon as it does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

from remote.jobs.records import RecordTooLarge

_log = logging.getLogger(__name__)

PAUSE = 5.0
"""Seconds until an order that the disk did not take is written again."""


class LateOrders:
    """Writes orders, late ones too. Its owner must call `close`."""

    def __init__(self, write: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        """`write` writes an order of jobs. It raises OSError on a full disk."""
        self._write = write
        self._due: list[tuple[str, ...]] = []
        """The orders that the disk did not take, the oldest first."""
        self._writing: asyncio.Task[None] | None = None

    async def take(self, jobs: Sequence[str]) -> None:
        """Write an order now, or later if the disk is full. It replaces late orders of the same jobs."""
        order = tuple(jobs)
        self._due = [it for it in self._due if not set(it) <= set(order)]
        try:
            await self._write(order)
        except RecordTooLarge as error:
            _log.error("the order of %d jobs could not be kept: %s", len(order), error)
        except OSError as error:
            _log.error("the order of %d jobs is kept later: %s", len(order), error)
            self._due.append(order)
            if self._writing is None or self._writing.done():
                self._writing = asyncio.create_task(self._write_due())

    async def close(self) -> None:
        """Write nothing more."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write_due(self) -> None:
        while self._due:
            await asyncio.sleep(PAUSE)
            for order in tuple(self._due):
                if order not in self._due:
                    continue  # a newer order has replaced it
                with contextlib.suppress(OSError):
                    await self._write(order)
                    if order in self._due:
                        self._due.remove(order)
