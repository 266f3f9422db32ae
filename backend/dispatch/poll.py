"""What other processes do to the queue while this one works on it, or looks at it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from backend.store import Store

LOOK_SECONDS = 0.25
"""Between two looks. A look costs some microseconds; what is found is read only when there is something."""


async def watch_others(store: Store, changed: Callable[[], Awaitable[object]]) -> None:
    """Call `changed` now, and each time that another process has changed the queue, until cancelled."""
    known = -1
    while True:
        version = await asyncio.to_thread(store.others_version)
        if version != known:
            known = version
            await changed()
        await asyncio.sleep(LOOK_SECONDS)
