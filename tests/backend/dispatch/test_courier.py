"""A visit ends in the way by which whoever awaits it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from backend.box.links.link import Link
from backend.dispatch.preparing.prepare import Ready
from backend.dispatch.sending.courier import Courier, End, Recipient
from backend.dispatch.sending.flight import Flight, Flights
from backend.errors import BoxUnreachable
from remote.protocol import FromBox, Welcome


class QuietLink:
    """A link over which nothing comes. It breaks when it is told to, or when the visit is cancelled."""

    welcome = Welcome(7, "r", "j", 0, "sketch 1", "s", "", 1, 0)

    def __init__(self) -> None:
        self.breaks = asyncio.Event()

    async def messages(self) -> AsyncIterator[FromBox]:
        nothing: tuple[FromBox, ...] = ()
        for message in nothing:
            yield message
        try:
            await self.breaks.wait()
        except asyncio.CancelledError:
            raise BoxUnreachable("it broke while the visit was cancelled") from None
        raise BoxUnreachable("it broke")


class Idle(Recipient[Ready]):
    """Has nothing to send."""

    async def next_flight(self) -> Flight[Ready]:
        await asyncio.Event().wait()
        raise AssertionError

    async def hear_end(self, flight: Flight[Ready], end: End) -> None:
        raise AssertionError


@pytest.fixture
def link() -> QuietLink:
    return QuietLink()


@pytest.fixture
async def visit(link: QuietLink) -> asyncio.Task[None]:
    courier = Courier[Ready]("h100", Flights[Ready](), Idle())
    visiting = asyncio.create_task(courier.visit(cast("Link", link)))
    await asyncio.sleep(0)
    return visiting


async def test_a_link_that_breaks_is_told(link: QuietLink, visit: asyncio.Task[None]) -> None:
    link.breaks.set()
    with pytest.raises(BoxUnreachable, match="it broke"):
        await asyncio.wait_for(visit, 30)


async def test_a_visit_that_is_cancelled_while_its_link_breaks_is_cancelled(
    visit: asyncio.Task[None],
) -> None:
    await asyncio.sleep(0)
    visit.cancel()
    await asyncio.wait([visit], timeout=30)
    assert visit.cancelled()
