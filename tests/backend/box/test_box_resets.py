"""A connection that is reset after any number of bytes: the box is unreachable, and nothing breaks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backend.box.asker import UnattendedAsker
from backend.box.links.link import Box, JournalCursor, open_link
from backend.errors import BoxUnreachable
from remote.protocol import Setup
from tests.backend.box.conftest import StartSshd
from tests.support.laptop import Laptop
from tests.support.wire import Direction, Wire, wire_to

_LOGIN = 3000
"""Bytes each way until somebody is let in, more or less."""


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize(
    "count", [1, 100, 1500, *range(_LOGIN, _LOGIN + 2400, 300), 20_000, 100_000]
)
async def test_a_reset_on_the_way_to_the_daemon_is_a_box_that_is_not_reached(
    start_sshd: StartSshd, laptop: Laptop, tmp_path: Path, direction: Direction, count: int
) -> None:
    server = start_sshd()
    box = Box("test", "testbox", Setup(str(tmp_path / "box"), "sketch", "", 1.0))
    async with wire_to(server.port) as wire, asyncio.timeout(60):
        laptop.add_host("testbox", wire.port)
        laptop.trust(wire.port, server.host_key)
        wire.cut_after(count, direction)
        with pytest.raises(BoxUnreachable):
            await _visit(box, wire)


async def _visit(box: Box, wire: Wire) -> None:
    async with open_link(box, UnattendedAsker(), JournalCursor()) as link:
        wire.reset()  # where less than `count` was needed
        async for _ in link.messages():
            pass
        raise BoxUnreachable("the link ended in good order")
