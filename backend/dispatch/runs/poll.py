"""Polls the queue's file for changes that other processes make."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from backend.store import Store

POLL_SECONDS = 0.25
"""Seconds between two polls. A poll costs some microseconds; rows are read only after a change."""


async def poll_queue_changes(store: Store, changed: Callable[[], Awaitable[object]]) -> None:
    """Call `changed` at once and after each change by another process, until this task is cancelled."""
    known = -1
    while True:
        version = await asyncio.to_thread(store.others_version)
        if version != known:
            known = version
            await changed()
        await asyncio.sleep(POLL_SECONDS)
