"""Has a box drain one of its replicas, or start it anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from backend.box.asker import Asker
from backend.box.links.link import FROM_NOW_ON, Box, open_link
from backend.box.replicas import REPLICAS_SINCE
from backend.errors import BoxUnusable, InputError
from remote.protocol import ChangeReplica, FromBox, ReplicaChanged

_SECONDS = 30.0
"""How long to wait for the answer."""


async def change_replica(box: Box, asker: Asker, replica: str, change: str) -> None:
    """Ask the box to drain a replica, or to start it anew. Raises BoxError, and InputError if it refuses."""
    async with open_link(box, asker, FROM_NOW_ON, look=True) as link:
        if link.welcome.protocol < REPLICAS_SINCE:
            raise BoxUnusable(
                f"{box.name} runs an earlier version, which cannot change replicas",
                "It is replaced when the box has no work: try again then.",
            )
        await link.send(ChangeReplica(1, replica, change))
        try:
            async with asyncio.timeout(_SECONDS):
                answer = await _answer(link.messages())
        except TimeoutError:
            answer = None
    if answer is None:
        raise BoxUnusable(f"{box.name} does not say whether it does that")
    if answer.refusal:
        raise InputError(
            f"replica {replica} of {box.name} stays as it is: {answer.refusal}",
            f"`upsample box replicas {box.name}` lists them.",
        )


async def _answer(messages: AsyncIterator[FromBox]) -> ReplicaChanged | None:
    async for message in messages:
        if isinstance(message, ReplicaChanged):
            return message
    return None
