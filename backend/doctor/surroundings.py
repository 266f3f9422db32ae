"""Looks around on a machine that is to become a box."""

from __future__ import annotations

from contextlib import aclosing

from backend.box.asker import Asker
from backend.box.links.link import Box, open_connection
from backend.box.links.runner import build_runner, deploy, stream_offers
from remote.protocol import Offer


async def look_around(box: Box, asker: Asker) -> list[Offer]:
    """Log in, put the runner there, and return what could answer on that machine. Raises BoxError."""
    async with open_connection(box, asker) as connection:
        runner = await deploy(connection, box.setup.root, build_runner())
        async with aclosing(stream_offers(connection, runner.path)) as offers:
            return [offer async for offer in offers]
