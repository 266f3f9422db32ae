"""Waiting for what a test comes to, instead of for a time. A wait that is in vain fails in words.

An app of Textual's has messages to work through meanwhile: for it there is `tests.support.pilots`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

PATIENCE = 60.0
"""Seconds that anything may take, on a machine with much else to do."""


async def until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Return when this holds; fail when it does not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        _fail_after(deadline, seconds)
        await asyncio.sleep(0.005)


def wait_until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """The same where no event loop has to go on meanwhile."""
    deadline = time.monotonic() + seconds
    while not holds():
        _fail_after(deadline, seconds)
        time.sleep(0.02)


def _fail_after(deadline: float, seconds: float) -> None:
    if time.monotonic() > deadline:
        pytest.fail(f"after {seconds:g} s it has not come to that")
