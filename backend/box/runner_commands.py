"""Commands of the runner that look around on the box and tell what they find."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import asyncssh

from backend.box.channel import Channel
from backend.errors import BoxUnreachable, BoxUnusable
from remote.protocol import Finding

_SILENCE_SECONDS = 120.0
"""Longer than any one look may take."""


async def stream_findings(
    connection: asyncssh.SSHClientConnection, command: Sequence[str]
) -> AsyncGenerator[Finding, None]:
    """What this command of the runner finds, as it comes; `command` begins with the runner's path.

    Raises BoxUnreachable when the connection breaks or falls silent, BoxUnusable when the runner fails.
    Close it, or the SSH session stays open.
    """
    channel = await Channel.start(connection, command)
    messages = channel.messages()
    try:
        while True:
            async with asyncio.timeout(_SILENCE_SECONDS):
                message = await anext(messages, None)
            if message is None:
                await channel.require_success()
                return
            if not isinstance(message, Finding):
                raise BoxUnusable(f"the box sends {message.type!r} instead of a finding")
            yield message
    except TimeoutError:
        raise BoxUnreachable(
            f"nothing came from the box for {_SILENCE_SECONDS:.0f} s", "Try again."
        ) from None
    finally:
        await channel.close()
