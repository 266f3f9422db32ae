"""Asks the model server of a box how many tokens it makes of messages without pictures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from backend.box.asker import Asker
from backend.box.links.link import FROM_NOW_ON, Box, Link, open_link
from backend.errors import BoxUnusable
from remote.protocol import FromBox, Tokenize, Tokenized

_SINCE = 7
"""The first protocol version in which a box counts."""
_AT_ONCE = 16
"""Messages that are on their way together, so that a slow link is waited for less often."""
_SECONDS = 30.0
"""How long to wait for the next count."""


async def count_on_box(
    box: Box, asker: Asker, messages: Sequence[tuple[str, str]]
) -> list[int | None]:
    """Return the tokens of each system prompt with its user message, the chat template included.

    None stands for those that the model server does not count, or all when it is not there. Nothing is
    started for it but the daemon. Raises BoxError.
    """
    async with open_link(box, asker, FROM_NOW_ON, look=True) as link:
        if link.welcome.protocol < _SINCE:
            raise BoxUnusable(
                f"{box.name} runs an earlier version, which counts no tokens",
                "It is replaced when the box has no work: try again then.",
            )
        try:
            return await _ask(link, messages)
        except TimeoutError:
            raise BoxUnusable(f"{box.name} does not say how many tokens these are") from None


async def _ask(link: Link, messages: Sequence[tuple[str, str]]) -> list[int | None]:
    found: list[int | None] = [None] * len(messages)
    incoming = link.messages()
    sent = 0
    for answered in range(len(messages)):
        while sent < min(len(messages), answered + _AT_ONCE):
            await link.send(Tokenize(sent, *messages[sent]))
            sent += 1
        async with asyncio.timeout(_SECONDS):
            told = await _next(incoming)
        if told is None:
            break
        if 0 <= told.number < sent:
            found[told.number] = told.tokens
    return found


async def _next(incoming: AsyncIterator[FromBox]) -> Tokenized | None:
    """Return the next count; None when the box has hung up."""
    async for message in incoming:
        if isinstance(message, Tokenized):
            return message
    return None
