"""Runs those commands of the runner on the box that report findings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import asyncssh

from backend.box.channel import Channel
from backend.errors import BoxUnreachable, BoxUnusable
from remote.protocol import Finding

_SILENCE_SECONDS = 120.0
"""Seconds of silence after which we give up. No single check takes as long."""


async def stream_findings(
    connection: asyncssh.SSHClientConnection, command: Sequence[str]
) -> AsyncGenerator[Finding, None]:
    """Run a command of the runner, and yield its findings as they come.

    `command` begins with the runner's path.

    Raises BoxUnreachable when the connection breaks or is silent, and BoxUnusable when the runner fails.
    Close the generator, or the SSH session stays open.
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
