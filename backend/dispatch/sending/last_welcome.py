"""What a box told with its last welcome, for those who need to know it before they can go on."""

from __future__ import annotations

import asyncio

from backend.box.links.link import Link
from backend.dispatch.sending.courier import ASK_SINCE
from remote.protocol import Welcome


class LastWelcome:
    """The last welcome of one box. Until there was one, its methods wait."""

    def __init__(self) -> None:
        self._link: Link | None = None
        self._came = asyncio.Event()

    def take(self, link: Link) -> None:
        """Take over the welcome of a new link, which brings the newest slots into it."""
        self._link = link
        self._came.set()

    @property
    def can_ask(self) -> bool:
        """Whether the box can be asked about requests of earlier links and runs; false before a welcome."""
        return self._link is not None and self._link.welcome.protocol >= ASK_SINCE

    @property
    def slots(self) -> int:
        """How many jobs the box works on at once now; 0 before a welcome."""
        return self._link.welcome.slots if self._link is not None else 0

    async def wait(self) -> Welcome:
        """Wait until there was a welcome, and return the last one."""
        await self._came.wait()
        assert self._link is not None  # noqa: S101 - it came
        return self._link.welcome

    async def serves(self) -> str:
        """Wait until the box has told what it serves, and return that."""
        return (await self.wait()).serves
