"""One visit to a box: connect, deploy, attach, greet; then messages both ways until the link ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import asyncssh

from backend.box.asker import Asker
from backend.box.channel import Channel
from backend.box.embedded import embedded_connection
from backend.box.runner import build_runner, deploy, newest_log
from backend.box.ssh import connect
from backend.errors import BoxUnreachable, BoxUnusable
from remote.protocol import (
    NEWEST_PROTOCOL,
    OLDEST_PROTOCOL,
    Fatal,
    FromApp,
    FromBox,
    Hello,
    Setup,
    Welcome,
)

_GREETING_SECONDS = 60.0
_LOG_BYTES = 64 * 1024
_MOST_GREETINGS = 5
"""Daemons that make room one after the other before something must be wrong."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box as the config names it."""

    name: str
    host: str
    """For SSH; empty for the embedded box."""
    setup: Setup


@dataclass(frozen=True, slots=True)
class Seen:
    """How far this app has followed a box's journal."""

    journal: str = ""
    seq: int = -1


class Link:
    """A greeted channel. `welcome` is what the box said of itself."""

    def __init__(
        self, channel: Channel, welcome: Welcome, incoming: AsyncIterator[FromBox]
    ) -> None:
        self.welcome = welcome
        self._channel = channel
        self._incoming = incoming

    async def send(self, message: FromApp) -> None:
        """Send one message. Raises BoxUnreachable."""
        await self._channel.send(message)

    async def messages(self) -> AsyncIterator[FromBox]:
        """What the box says after its welcome. Ends, or raises a BoxError, with the link."""
        async for message in self._incoming:
            if isinstance(message, Fatal):
                raise _unusable(message)
            yield message


@contextlib.asynccontextmanager
async def open_link(
    box: Box, asker: Asker, seen: Seen, *, look: bool = False
) -> AsyncIterator[Link]:
    """A link to the box, closed on leaving. Raises BoxError.

    A daemon that runs with another setup makes room for ours when it is idle; when it is busy, that is an
    error, because its engine would answer with another model or other limits. With `look` it is left as
    it is.
    """
    async with (
        open_connection(box, asker) as connection,
        link_over(connection, box, seen, look=look) as link,
    ):
        yield link


@contextlib.asynccontextmanager
async def link_over(
    connection: asyncssh.SSHClientConnection, box: Box, seen: Seen, *, look: bool = False
) -> AsyncIterator[Link]:
    """As `open_link`, over a connection that is there."""
    runner = build_runner()
    path = (await deploy(connection, box.setup.root, runner)).path
    for _ in range(_MOST_GREETINGS):
        channel = await Channel.open(connection, path, box.setup)
        try:
            incoming = channel.messages()
            hello = _hello(seen) if look else _hello(seen, runner.hash, box.setup.fingerprint())
            answer = await _greet(channel, incoming, hello)
            if isinstance(answer, Welcome):
                if not look:
                    _require_setup(box, answer)
                yield Link(channel, answer, incoming)
                return
        finally:
            await channel.close()
    raise BoxUnusable(f"the daemons on {box.name} keep making room for one another")


async def read_log(box: Box, asker: Asker) -> str:
    """The end of the runner's log on the box; empty when there is none. Raises BoxError."""
    async with open_connection(box, asker) as connection:
        return await newest_log(connection, box.setup.root, _LOG_BYTES)


def open_connection(
    box: Box, asker: Asker
) -> AbstractAsyncContextManager[asyncssh.SSHClientConnection]:
    """A connection to the box, or to the embedded one. Raises BoxError."""
    return connect(box.host, asker) if box.host else embedded_connection()


def _hello(seen: Seen, runner: str = "", setup: str = "") -> Hello:
    return Hello(
        oldest=OLDEST_PROTOCOL,
        newest=NEWEST_PROTOCOL,
        journal=seen.journal,
        after=seen.seq,
        runner=runner,
        setup=setup,
    )


def _require_setup(box: Box, welcome: Welcome) -> None:
    if welcome.setup != box.setup.fingerprint():
        raise BoxUnusable(
            f"{box.name} is busy with {welcome.unfinished} jobs under other settings (engine, model, "
            "context length or the like)",
            f"Wait until they are done, or end them: upsample box stop {box.name}",
        )


async def _greet(
    channel: Channel, incoming: AsyncIterator[FromBox], hello: Hello
) -> Welcome | None:
    """The box's welcome; None when its daemon made room for ours and we should come again."""
    await channel.send(hello)
    try:
        async with asyncio.timeout(_GREETING_SECONDS):
            answer = await anext(incoming, None)
    except TimeoutError:
        raise BoxUnusable("the daemon on the box does not answer") from None
    if isinstance(answer, Welcome):
        return answer
    if isinstance(answer, Fatal) and answer.kind == "replaced":
        return None
    if isinstance(answer, Fatal):
        raise _unusable(answer)
    raise BoxUnreachable("the box hung up before it greeted")


def _unusable(fatal: Fatal) -> BoxUnusable:
    remedies = {
        "disk": "Make room on the box's disk, or set another `root` for it.",
        "place": "Set another `root` for the box, or mend the folder's owner and rights.",
        "protocol": "Upgrade the older side.",
    }
    return BoxUnusable(f"the runner stopped: {fatal.message}", remedies.get(fatal.kind, ""))
