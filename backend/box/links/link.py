"""Opens a link to a box: connects, deploys the runner, attaches and greets, then exchanges messages."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

import asyncssh

from backend.box.asker import Asker
from backend.box.links.channel import Channel
from backend.box.links.embedded import embedded_connection
from backend.box.links.heartbeat import LOOK_SECONDS, Heartbeat
from backend.box.links.runner import build_runner, deploy, read_newest_log
from backend.box.ssh.connecting import connect
from backend.config.survey import dotted
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
    Status,
    Welcome,
)

_GREETING_SECONDS = 70.0
"""Seconds for the greeting: a little more than the runner needs to report that no daemon starts."""
_LOG_BYTES = 64 * 1024
_EXAMPLES = {"openai.base_url": "http://127.0.0.1:8000/v1", "model": "/models/NAME"}
"""Values for the settings of a box that an engine may complain of."""
_MOST_GREETINGS = 5
"""The most attempts to greet a daemon, since it may end or be replaced each time."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box, and the setup that its daemon is started with."""

    name: str
    host: str
    """The host for SSH; empty for the embedded box."""
    setup: Setup


@dataclass(frozen=True, slots=True)
class JournalCursor:
    """The position up to which this app has read a box's journal."""

    journal: str = ""
    seq: int = -1


FROM_NOW_ON = JournalCursor("", 0)
"""A cursor that skips the past: a journal may contain 40 MB of results, and some callers need none of
them."""


OnStale = Callable[[float | None], None]
"""A callback for stale links. It gets the seconds of silence, and None when the link is no longer stale."""


def _ignore_staleness(_silence: float | None) -> None:
    """A callback that ignores stale links."""


class Link:
    """A channel after the greeting."""

    def __init__(
        self, box: str, channel: Channel, welcome: Welcome, incoming: AsyncIterator[FromBox]
    ) -> None:
        self.welcome = welcome
        """The daemon's answer to the greeting, with the slots that it has told since."""
        self._box = box
        self._channel = channel
        self._incoming = incoming
        self._heartbeat = Heartbeat(channel.send_soon)
        self._lost: BoxUnreachable | None = None

    async def send(self, message: FromApp) -> None:
        """Send one message. Raises BoxUnreachable."""
        try:
            await self._channel.send(message)
        except BoxUnreachable as error:
            raise self._lost or error from error

    async def messages(self) -> AsyncIterator[FromBox]:
        """Yield the messages after the welcome. Ends with the link, or raises a BoxError."""
        while True:
            try:
                with self._heartbeat.listening():
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
                    self._heartbeat.record_pong(message)
                case Status(slots=slots) if slots > 0:
                    self.welcome = replace(self.welcome, slots=slots)
                    yield message
                case _:
                    yield message

    @contextlib.asynccontextmanager
    async def watched(self, on_stale: OnStale, cut: Callable[[], None]) -> AsyncIterator[None]:
        """Watch the link during the block, and call `cut` when the box is silent for too long.

        `messages` and `send` then raise BoxUnreachable with the reason.
        """
        watching = asyncio.create_task(self._watch(on_stale, cut))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, on_stale: OnStale, cut: Callable[[], None]) -> None:
        was_stale = False
        while self._lost is None:
            await asyncio.sleep(LOOK_SECONDS)
            health = self._heartbeat.check()
            if health.is_lost:
                since = f", and {health.cause}" if health.cause else ""
                self._lost = BoxUnreachable(
                    f"nothing came from {self._box} for {health.silence:.0f} s{since}"
                )
                cut()
            elif health.is_stale != was_stale:
                was_stale = health.is_stale
                on_stale(health.silence if was_stale else None)


@contextlib.asynccontextmanager
async def open_link(
    box: Box,
    asker: Asker,
    seen: JournalCursor,
    *,
    look: bool = False,
    on_stale: OnStale = _ignore_staleness,
) -> AsyncIterator[Link]:
    """Open a link to the box; it is closed at the end of the block. Raises BoxError.

    An idle daemon that runs with another setup ends, so that one with our setup starts. A busy one is an
    error, because its engine would answer with another model or other limits. With `look`, the link only
    observes, and any daemon is accepted as it is.
    """
    async with (
        open_connection(box, asker) as connection,
        open_link_over(connection, box, seen, look=look, on_stale=on_stale) as link,
    ):
        yield link


@contextlib.asynccontextmanager
async def open_link_over(
    connection: asyncssh.SSHClientConnection,
    box: Box,
    seen: JournalCursor,
    *,
    look: bool = False,
    on_stale: OnStale = _ignore_staleness,
) -> AsyncIterator[Link]:
    """Open a link as `open_link` does, over an open connection.

    The connection is cut when the box is silent.
    """
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
            async with link.watched(on_stale, connection.abort):
                yield link
            return
        finally:
            await channel.close()
    raise trouble


async def read_log(box: Box, asker: Asker) -> str:
    """Read the end of the runner's log on the box; empty when there is no log. Raises BoxError."""
    async with open_connection(box, asker) as connection:
        return await read_newest_log(connection, box.setup.root, _LOG_BYTES)


def open_connection(
    box: Box, asker: Asker
) -> AbstractAsyncContextManager[asyncssh.SSHClientConnection]:
    """Connect to the box by SSH, or to the embedded box. Raises BoxError."""
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
    """Greet the daemon, and return its welcome.

    Returns an error where another attempt may help, because the daemon has ended and a new one will be
    started. Raises BoxError where it cannot help.
    """
    # A runner that refuses may have hung up already; its message can still be read.
    with contextlib.suppress(BoxUnreachable):
        await channel.send(hello)
    try:
        async with asyncio.timeout(_GREETING_SECONDS):
            answer = await anext(incoming, None)
    except TimeoutError:
        raise _no_answer(box) from None
    match answer:
        case Welcome():
            _require_plausible(box, answer)
            return answer
        case Fatal(kind="replaced"):
            return BoxUnusable(f"the daemons on {box} keep making room for one another")
        case Fatal():
            raise _refusal(box, answer)
        case None:
            # It reached its idle timeout and ended just as we connected.
            return BoxUnreachable(f"{box} hung up before it greeted")
    raise BoxUnusable(f"{box} does not keep to the protocol: {answer.type!r} before its welcome")


def _require_plausible(box: str, welcome: Welcome) -> None:
    """Refuse a welcome with impossible numbers: without a slot, jobs would wait for ever."""
    speaks = OLDEST_PROTOCOL <= welcome.protocol <= NEWEST_PROTOCOL
    numbers = welcome.slots < 1 or min(welcome.unfinished, welcome.context, welcome.last + 1) < 0
    if not speaks or numbers or not welcome.model.isprintable():
        raise BoxUnusable(f"{box} does not keep to the protocol: its welcome makes no sense")


def _no_answer(box: str) -> BoxUnreachable:
    return BoxUnreachable(
        f"the daemon on {box} does not answer",
        f"It may be stopped, or wait for a disk: `upsample box logs {box}` shows its last words.",
    )


def _explain_start(box: str, reason: str) -> str:
    """Say what is known of the reason for which the model server cannot start; empty for an unknown one."""
    from backend.troubles import Facts, translate  # slow to import, and seldom needed

    trouble = translate(reason, Facts(box=box))
    return f"{trouble.what} {trouble.why}\n  {trouble.do}\n  " if trouble else ""


def _mend_setting(box: str, complaint: str) -> str:
    """Say how the setting that an engine complains of is given."""
    for setting, value in _EXAMPLES.items():
        if setting in complaint:
            return f"Give it: upsample config set {dotted(('boxes', box, *setting.split('.')))} {value}"
    return f"Mend the settings of {box}, as by upsample config edit; `upsample doctor {box}` checks them."


def _refusal(box: str, fatal: Fatal) -> BoxError:
    if fatal.kind == "hung":
        return _no_answer(box)
    if fatal.kind == "killed":
        return BoxUnreachable(
            fatal.message,
            f"Something kills it: {box} may be out of memory, or forbid programs that go on by themselves.",
        )
    if fatal.kind == "away":
        return BoxUnreachable(
            fatal.message, f"Or set `model` of {box}, so that its model server need not be asked."
        )
    if fatal.kind == "server":
        return BoxUnusable(
            f"the model server of {box} cannot be used: {fatal.message}",
            f"{_explain_start(box, fatal.message)}Nothing is lost: the jobs wait. "
            f"`upsample box logs {box}` and `upsample doctor` tell more. "
            "Once it is mended, `upsample --no-ui`, or `R` on the queue page, goes on.",
        )
    if fatal.kind == "limit":
        return BoxUnusable(
            f"{box} spends no more for now: {fatal.message}",
            "Nothing is lost: the jobs wait, and go on by themselves once less was spent in 24 hours. "
            f"To go on now, raise openai.spend_limit of {box}; then `upsample --no-ui`, or `R` on the queue "
            "page. `upsample queue cancel` gives them up.",
        )
    if fatal.kind == "engine":
        return BoxUnusable(
            f"the engine of {box} cannot start: {fatal.message}", _mend_setting(box, fatal.message)
        )
    remedies = {
        "disk": "Make room on the box's disk, or set another `root` for it.",
        "place": "Set another `root` for the box, or mend the folder's owner and rights.",
        "protocol": "Upgrade the older side.",
    }
    return BoxUnusable(f"the runner stopped: {fatal.message}", remedies.get(fatal.kind, ""))
