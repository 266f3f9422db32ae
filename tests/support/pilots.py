"""Waiting for what an app comes to, instead of for a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

_TIMES = 2_000


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Let the app go on until this holds; fails when it never comes to that."""
    for _ in range(_TIMES):
        if holds():
            await pilot.pause()
            return
        await pilot.pause(0.01)
    pytest.fail("it never came to that")
