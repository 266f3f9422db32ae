"""A replica from one start to its end, and why it has ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from remote.engines.ray.cluster import Lost, Replica
from remote.engines.ray.messages import News

SILENCE_SECONDS = 10.0
"""Seconds after which a replica that does not answer a look is lost."""


@dataclass
class Life:
    """A replica from one start to its end."""

    replica: Replica
    lost: asyncio.Future[str]
    """Why it is lost, once it is."""
    was_asked: bool = False
    """Whether somebody has asked for its end."""
    repeated: set[int] = field(default_factory=set)
    """The numbers of the requests that it worked on when it was lost."""

    def lose(self, why: str) -> None:
        if not self.lost.done():
            self.lost.set_result(why)

    def raise_if_lost(self) -> None:
        """Raise Lost if it is."""
        if self.lost.done():
            raise Lost(self.lost.result())

    async def look(self) -> News:
        """Ask the replica how it is. Raises Lost as soon as it is lost, and TimeoutError if it is silent."""
        looking = asyncio.ensure_future(self.replica.look())
        try:
            waiting: list[asyncio.Future[News] | asyncio.Future[str]] = [looking, self.lost]
            await asyncio.wait(
                waiting, timeout=SILENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            self.raise_if_lost()
            if not looking.done():
                raise asyncio.TimeoutError
            return looking.result()
        finally:
            looking.cancel()
