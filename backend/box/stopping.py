"""Ends the daemon on a box and its engine, so that the GPU is free."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import asyncssh

from backend.box.asker import Asker
from backend.box.links.link import FROM_NOW_ON, Box, open_connection, open_link_over
from backend.box.links.runner import build_runner, deploy, stream_findings
from backend.errors import BoxUnusable
from remote.protocol import Stop

_STOP_SECONDS = 60.0


async def stop_box(box: Box, asker: Asker, *, only_idle: bool = False) -> int:
    """End the box's daemon and what it may have left; return how many jobs it has not finished.

    With `only_idle`, a daemon goes on that has work or another app. Raises BoxError.
    """
    async with open_connection(box, asker) as connection:
        unfinished = await end_daemon(connection, box, only_idle=only_idle)
        await _sweep(connection, box)
    return unfinished


async def end_daemon(
    connection: asyncssh.SSHClientConnection, box: Box, *, only_idle: bool = False
) -> int:
    """End the box's daemon in order, and return how many jobs it has not finished. Raises BoxError."""
    try:
        async with (
            asyncio.timeout(_STOP_SECONDS),
            open_link_over(connection, box, FROM_NOW_ON, look=True) as link,
        ):
            if only_idle and link.welcome.unfinished:
                raise BoxUnusable(f"{box.name} has work, so its model stays")
            await link.send(Stop(only_idle=only_idle))
            async for _ in link.messages():
                pass
    except TimeoutError:
        why = "; another app may use it" if only_idle else ""
        raise BoxUnusable(f"the daemon on {box.name} does not end{why}") from None
    return link.welcome.unfinished


async def _sweep(connection: asyncssh.SSHClientConnection, box: Box) -> None:
    """End what the daemon left if it did not end in order. Raises BoxUnusable for what stays."""
    runner = (await deploy(connection, box.setup.root, build_runner())).path
    async with aclosing(stream_findings(connection, [runner, "sweep", box.setup.root])) as findings:
        async for finding in findings:
            raise BoxUnusable(
                f"on {box.name} something stays: {finding.name}: {finding.detail}", finding.remedy
            )
