"""A batch that is handed over to the box: the app is killed, nothing of the laptop is touched while the box
does all of it alone, and a later run fetches everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tests.faults.field import SLOTS, House
from tests.faults.kind import Frozen, Hit
from tests.faults.waiting import comes_true
from tests.support.laptop import Laptop

HAND_OVER = "history: hand-over, killed and frozen"
_FEWEST_LEFT = 2 * SLOTS
"""A run says that it has handed over only what is more than the box works on at once."""


@dataclass(frozen=True)
class HandOver:
    """A run hands the batch over and is killed; until the box has done all of it, the laptop is frozen."""

    how: signal.Signals
    """How a run ends that does not hand over, before the one that does."""
    silent: bool
    """Whether the network is gone before the app is: a laptop that is closed says no goodbye."""
    handing_seconds: float = 12.0
    """That a run may take until it says that the box has everything."""
    alone_seconds: float = 40.0
    """That the box may take to do all of it."""

    async def do(self, hit: Hit, number: int) -> bool:
        house = hit.house
        if len(set(hit.prompts) - _answered(house)) < _FEWEST_LEFT:
            return False
        if not hit.hands_over:
            async with hit.between_runs(self.how) as is_between:
                if not is_between:
                    return False
                hit.hands_over = True
        if not await comes_true(
            lambda: hit.app is not None and hit.is_handed_over, self.handing_seconds
        ):
            return False
        async with self._network_gone(hit), hit.between_runs(signal.SIGKILL) as is_between:
            left = house.unfinished()
            if not is_between or not left:
                return False
            before = fingerprints(hit.laptop)
            missing = set(hit.prompts) - set(house.prompts_of_jobs().values())
            has_done_all = await comes_true(lambda: not house.unfinished(), self.alone_seconds)
            after = fingerprints(hit.laptop)
            touched = {file for file in before | after if before.get(file) != after.get(file)}
            hit.note_frozen(
                Frozen(left, tuple(sorted(missing)), has_done_all, tuple(sorted(touched)))
            )
        return True

    @contextlib.asynccontextmanager
    async def _network_gone(self, hit: Hit) -> AsyncIterator[None]:
        """Nothing of the laptop reaches the box, if it is so; the connections are void afterwards."""
        if not self.silent:
            yield
            return
        wire = hit.house.site.wire
        silence = asyncio.create_task(wire.swallow(2 * self.alone_seconds))
        try:
            await asyncio.sleep(0)
            yield
            wire.reset()
        finally:
            silence.cancel()
            await asyncio.gather(silence, return_exceptions=True)


def _answered(house: House) -> set[str]:
    """The prompts that the box has answered."""
    prompts = house.prompts_of_jobs()
    return {prompts[job] for job in house.answers() if job in prompts}


def fingerprints(laptop: Laptop) -> dict[str, str]:
    """The SHA-256 of each file of a laptop, by its path."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in (laptop.home, laptop.cwd)
        for path in folder.rglob("*")
        if path.is_file()
    }
