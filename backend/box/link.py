"""One visit to a box: connect, deploy, attach, greet; then messages both ways until the link ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import asyncssh

from backend.box.asker import Asker
from backend.box.channel import Channel
from backend.box.embedded import embedded_connection
from backend.box.heartbeat import LOOK_SECONDS, Heartbeat
from backend.box.runner import build_runner, deploy, read_newest_log
from backend.box.ssh import connect
from backend.errors import BoxError, BoxUnreachable, BoxUnusable
from remote.protocol import (
    NEWEST_PROTOCOL,
    OLDEST_PROTOCOL,
    Fatal,
    FromApp,
    FromBox,
    Hello,
    Pong,
    Setup,
    Welcome,
)

_GREETING_SECONDS = 70.0
"""A little more than the runner takes to say that no daemon starts."""
_LOG_BYTES = 64 * 1024
_MOST_GREETINGS = 5
"""Daemons that make room or end one after the other before something must be wrong."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box as the config names it."""

    name: str
    host: str
    """For SSH; empty for the embedded box."""
    setup: Setup


@dataclass(frozen=True, slots=True)
class JournalCursor:
    """How far this app has followed a box's journal."""

    journal: str = ""
    seq: int = -1


FROM_NOW_ON = JournalCursor("", 0)
"""For who only looks: a journal may hold 40 MB of results, and what is wanted would come after them."""


OnStale = Callable[[float | None], None]
"""Told the seconds of silence while a link is stale, and None once it is not any more."""


def _ignore_staleness(_silence: float | None) -> None:
    """For who only waits for the end."""


class Link:
    """A greeted channel. `welcome` is what the box said of itself."""

    def __init__(
        self, box: str, channel: Channel, welcome: Welcome, incoming: AsyncIterator[FromBox]
    ) -> None:
        self.welcome = welcome
        self._box = box
        self._channel = channel
        self._incoming = incoming
        self._pulse = Heartbeat(channel.send_soon)
        self._lost: BoxUnreachable | None = None

    async def send(self, message: FromApp) -> None:
        """Send one message. Raises BoxUnreachable."""
        try:
            await self._channel.send(message)
        except BoxUnreachable as error:
            raise self._lost or error from error

    async def messages(self) -> AsyncIterator[FromBox]:
        """What the box says after its welcome. Ends, or raises a BoxError, with the link."""
        while True:
            try:
                with self._pulse.listening():
                    message = await anext(self._incoming, None)
            except BoxUnreachable as error:
                raise self._lost or error from error
            match message:
                case None if self._lost is not None:
                    raise self._lost
                case None:
                    return
                case Fatal():
                    raise _refusal(self._box, message)
                case Pong():
                    self._pulse.hear(message)
                case _:
                    yield message

    @contextlib.asynccontextmanager
    async def watched(self, heed: OnStale, cut: Callable[[], None]) -> AsyncIterator[None]:
        """Meanwhile, have the link cut when the box falls silent: `messages` and `send` say so then."""
        watching = asyncio.create_task(self._watch(heed, cut))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, heed: OnStale, cut: Callable[[], None]) -> None:
        was_stale = False
        while self._lost is None:
            await asyncio.sleep(LOOK_SECONDS)
            beat = self._pulse.look()
            if beat.is_lost:
                since = f", and {beat.cause}" if beat.cause else ""
                self._lost = BoxUnreachable(
                    f"nothing came from {self._box} for {beat.silence:.0f} s{since}"
                )
                cut()
            elif beat.is_stale != was_stale:
                was_stale = beat.is_stale
                heed(beat.silence if was_stale else None)


@contextlib.asynccontextmanager
async def open_link(
    box: Box,
    asker: Asker,
    seen: JournalCursor,
    *,
    look: bool = False,
    heed: OnStale = _ignore_staleness,
) -> AsyncIterator[Link]:
    """A link to the box, closed on leaving. Raises BoxError.

    A daemon that runs with another setup makes room for ours when it is idle; when it is busy, that is an
    error, because its engine would answer with another model or other limits. With `look` it is left as
    it is.
    """
    async with (
        open_connection(box, asker) as connection,
        open_link_over(connection, box, seen, look=look, heed=heed) as link,
    ):
        yield link


@contextlib.asynccontextmanager
async def open_link_over(
    connection: asyncssh.SSHClientConnection,
    box: Box,
    seen: JournalCursor,
    *,
    look: bool = False,
    heed: OnStale = _ignore_staleness,
) -> AsyncIterator[Link]:
    """As `open_link`, over a connection that is there. One whose box falls silent is cut."""
    runner = build_runner()
    path = (await deploy(connection, box.setup.root, runner)).path
    for _ in range(_MOST_GREETINGS):
        channel = await Channel.open(connection, path, box.setup)
        try:
            incoming = channel.messages()
            hello = _hello(seen) if look else _hello(seen, runner.hash, box.setup.fingerprint())
            answer = await _greet(box.name, channel, incoming, hello)
            if isinstance(answer, BoxError):
                trouble = answer
                continue
            if not look:
                _require_setup(box, answer)
            link = Link(box.name, channel, answer, incoming)
            async with link.watched(heed, connection.abort):
                yield link
            return
        finally:
            await channel.close()
    raise trouble


async def read_log(box: Box, asker: Asker) -> str:
    """The end of the runner's log on the box; empty when there is none. Raises BoxError."""
    async with open_connection(box, asker) as connection:
        return await read_newest_log(connection, box.setup.root, _LOG_BYTES)


def open_connection(
    box: Box, asker: Asker
) -> AbstractAsyncContextManager[asyncssh.SSHClientConnection]:
    """A connection to the box, or to the embedded one. Raises BoxError."""
    return connect(box.host, asker) if box.host else embedded_connection()


def _hello(seen: JournalCursor, runner: str = "", setup: str = "") -> Hello:
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
        who = (
            f"is busy with {welcome.unfinished} jobs"
            if welcome.unfinished
            else "serves another app"
        )
        raise BoxUnusable(
            f"{box.name} {who} under other settings (engine, model, context length or the like)",
            f"Wait until that is done, or end it: upsample box stop {box.name}",
        )


async def _greet(
    box: str, channel: Channel, incoming: AsyncIterator[FromBox], hello: Hello
) -> Welcome | BoxError:
    """The box's welcome; where the next relay would start another daemon and we should come again, what is
    wrong if that never helps.
    """
    # A runner that refuses may have hung up already; what it says of that is still to be read.
    with contextlib.suppress(BoxUnreachable):
        await channel.send(hello)
    try:
        async with asyncio.timeout(_GREETING_SECONDS):
            answer = await anext(incoming, None)
    except TimeoutError:
        raise _silent(box) from None
    match answer:
        case Welcome():
            _require_sense(box, answer)
            return answer
        case Fatal(kind="replaced"):
            return BoxUnusable(f"the daemons on {box} keep making room for one another")
        case Fatal():
            raise _refusal(box, answer)
        case None:
            # It was idle for long, and ended just as we came.
            return BoxUnreachable(f"{box} hung up before it greeted")
    raise BoxUnusable(f"{box} does not keep to the protocol: {answer.type!r} before its welcome")


def _require_sense(box: str, welcome: Welcome) -> None:
    """With no slot, jobs would wait for ever."""
    speaks = OLDEST_PROTOCOL <= welcome.protocol <= NEWEST_PROTOCOL
    if not speaks or welcome.slots < 1 or welcome.unfinished < 0 or welcome.last < -1:
        raise BoxUnusable(f"{box} does not keep to the protocol: its welcome makes no sense")


def _silent(box: str) -> BoxUnreachable:
    return BoxUnreachable(
        f"the daemon on {box} does not answer",
        f"It may be stopped, or wait for a disk: `upsample box logs {box}` shows its last words.",
    )


def _refusal(box: str, fatal: Fatal) -> BoxError:
    if fatal.kind == "hung":
        return _silent(box)
    remedies = {
        "disk": "Make room on the box's disk, or set another `root` for it.",
        "place": "Set another `root` for the box, or mend the folder's owner and rights.",
        "protocol": "Upgrade the older side.",
    }
    return BoxUnusable(f"the runner stopped: {fatal.message}", remedies.get(fatal.kind, ""))
