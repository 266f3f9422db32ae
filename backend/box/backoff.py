"""How long to wait before a box is tried again: longer each time, never in step with others, never long
after the reason is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field

from backend.box.interruptions import InterruptionDetector

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before connecting again."""
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long to wait after failures, in seconds. It doubles from the first to the longest."""

    first: float = field(default_factory=lambda: FIRST_PAUSE)
    longest: float = field(default_factory=lambda: LONGEST_PAUSE)


class Backoff:
    """The pauses of one row of failures; those between connections unless others are given."""

    def __init__(
        self, surroundings: InterruptionDetector | None = None, pauses: Pauses | None = None
    ) -> None:
        self._surroundings = surroundings or InterruptionDetector()
        self._pauses = pauses or Pauses()
        self._pause = self._pauses.first

    def next(self) -> float:
        """Seconds to wait now: half to all of a pause that doubles up to the longest."""
        wait = self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreads reconnects, no secret
        self._pause = min(self._pause * 2, self._pauses.longest)
        return wait

    def reset(self) -> None:
        """It worked: the next failure is the first one again."""
        self._pause = self._pauses.first

    async def wait(self, seconds: float, hurry: asyncio.Event | None = None) -> None:
        """Wait so long, or until `hurry`, or until this machine wakes up or has another network."""
        self._surroundings.change(0.0)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            look = min(left, _LOOK_SECONDS)
            if await _happens(hurry, look):
                return
            if self._surroundings.change(look):
                self.reset()
                return


async def _happens(hurry: asyncio.Event | None, seconds: float) -> bool:
    """Whether it does within so many seconds."""
    if hurry is None:
        await asyncio.sleep(seconds)
        return False
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await hurry.wait()
    return False
