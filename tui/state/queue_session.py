"""Opens the queue for the app. It is imported late, because it brings SSH with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from backend.box.asker import Asker
from backend.config import Settings
from backend.dispatch.runs.runner import QueueRunner
from backend.events import Event
from backend.store import Store


@asynccontextmanager
async def queue_session(
    path: Path, reload: Callable[[], Settings], watch: Callable[[Event], None], asker: Asker
) -> AsyncIterator[tuple[Store, QueueRunner]]:
    """Open the queue, and yield it with a runner, which the caller runs. Raises QueueError."""
    store = await asyncio.to_thread(Store, path)
    try:
        yield store, QueueRunner(store, reload, asker, watch)
    finally:
        store.close()
