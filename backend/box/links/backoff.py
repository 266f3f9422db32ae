"""Exponential backoff with jitter between attempts to connect to a box.

A wait ends early when this machine wakes up or its network changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field

from backend.box.links.interruptions import InterruptionDetector

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before connecting again."""
_LOOK_SECONDS = 1.0
"""Seconds between two checks for an interruption."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """The pauses after failures, in seconds. Each is twice the one before, from `first` up to `longest`."""

    first: float = field(default_factory=lambda: FIRST_PAUSE)
    longest: float = field(default_factory=lambda: LONGEST_PAUSE)


class Backoff:
    """The pauses of one series of failures. By default, they are those between connections."""

    def __init__(
        self, detector: InterruptionDetector | None = None, pauses: Pauses | None = None
    ) -> None:
        self._detector = detector or InterruptionDetector()
        self._pauses = pauses or Pauses()
        self._pause = self._pauses.first

    def next(self) -> float:
        """Return the seconds to wait: a random part, half to all, of a pause that doubles each time."""
        wait = self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreads reconnects, no secret
        self._pause = min(self._pause * 2, self._pauses.longest)
        return wait

    def reset(self) -> None:
        """Start again with the first pause, after a success."""
        self._pause = self._pauses.first

    async def wait(self, seconds: float, hurry: asyncio.Event | None = None) -> None:
        """Wait `seconds`, but at most until `hurry` is set, this machine wakes up or its network changes."""
        self._detector.detect(0.0)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            look = min(left, _LOOK_SECONDS)
            if await _wait_for_event(hurry, look):
                return
            if self._detector.detect(look):
                self.reset()
                return


async def _wait_for_event(hurry: asyncio.Event | None, seconds: float) -> bool:
    """Wait for an event for at most `seconds`, and return whether it was set."""
    if hurry is None:
        await asyncio.sleep(seconds)
        return False
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await hurry.wait()
    return False
