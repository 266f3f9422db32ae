"""Makes the calls that block on the disk on one thread, so that they have one caller at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from remote.jobs.journal import JournalError

T = TypeVar("T")

_log = logging.getLogger(__name__)

PAUSE = 5.0
"""Seconds until a write that failed (disk full) is tried again."""


class DiskThread:
    """A thread for calls of the board and of the pictures, beside the event loop that awaits them."""

    def __init__(self, note_broken: Callable[[], None]) -> None:
        """`note_broken` is called when a call has met a JournalError."""
        self._note_broken = note_broken
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="disk")
        self.journal_error: JournalError | None = None
        """The error after which the open journal cannot be used any more."""

    async def call(self, call: Callable[..., T], *arguments: object) -> T:
        """Make a call and return its result. Raises what it raises."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)
        except JournalError as error:
            self.journal_error = error
            self._note_broken()
            raise

    async def persist(self, call: Callable[..., T], *arguments: object) -> T:
        """Repeat a write until the disk takes it: a job that was accepted is never dropped."""
        while True:
            try:
                return await self.call(call, *arguments)
            except OSError as error:
                _log.error("cannot write to the disk (%s); trying again", error.strerror)
                await asyncio.sleep(PAUSE)

    def close(self) -> None:
        """End the thread after the calls that were made."""
        self._thread.shutdown()
