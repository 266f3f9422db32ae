"""Waiting for something that may not come about; then the fault that needs it does not happen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_PAUSE = 0.03


async def comes_true(holds: Callable[[], bool], seconds: float) -> bool:
    """Return True when this holds, and False when it does not within so many seconds."""
    pause = max(_PAUSE, seconds / 1000)  # what takes long may be costly to ask for
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(pause)
    return True
