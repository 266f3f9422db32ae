"""A visitor: one connection of one app. It answers the app's Hello and requests, and sends it messages.

Durable messages are not queued for a visitor: it has a cursor in the journal and reads on from there, so
a slow app costs no memory. Messages without a `seq` wait in its bounded `Outbox`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Protocol

from remote.daemon.deltas import merge_deltas
from remote.daemon.outbox import Outbox
from remote.jobs.slots import Scheduler
from remote.protocol import (
    NEWEST_PROTOCOL,
    OLDEST_PROTOCOL,
    Arrange,
    Ask,
    Cancel,
    ChangeReplica,
    Decoder,
    Durable,
    Fatal,
    FromBox,
    Hello,
    Message,
    Ping,
    Pong,
    ProtocolError,
    Refused,
    ReplicaChanged,
    Status,
    Stop,
    Submit,
    Tokenize,
    Tokenized,
    Unknown,
    Welcome,
    encode,
)

_log = logging.getLogger(__name__)

_GREETING_SECONDS = 30.0
_WRITE_SECONDS = 120.0
"""Seconds until a write to an app that reads nothing closes the connection; the app can resume later."""
_CLOSE_SECONDS = 5.0
_SILENCE_SECONDS = 60.0
"""Seconds without a message after which the connection is closed. Such an app sleeps or lost its network; its
connection would keep the daemon from ending when idle, and from being replaced."""
_PINGS_SINCE = 3
"""The first protocol version in which an app sends a Ping when it has nothing else to send."""
_STATUS_SINCE = 2
"""The first protocol version with Status; an older app would refuse the message."""
_ASK_SINCE = 5
"""The first protocol version in which an app asks for what it has missed."""
_BATCH = 200
_REST = 0.1
"""Seconds between two writes to an app. A model server sends each token by itself; the tokens of one pause go
out as one message a job, in one write. No person reads faster than that."""


class VisitorHost(Protocol):
    """The part of the daemon that a visitor uses."""

    @property
    def scheduler(self) -> Scheduler: ...

    async def welcome(self, hello: Hello) -> Welcome | Fatal: ...

    async def stop(self, visitor: Visitor, only_idle: bool) -> None: ...

    async def count_tokens(self, system: str, prompt: str) -> int | None: ...

    async def change_replica(self, name: str, change: str) -> str: ...


class Visitor:
    """One connection of one app."""

    def __init__(
        self, host: VisitorHost, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._host = host
        self._reader = reader
        self._writer = writer
        self._writing = asyncio.Lock()
        self._news = asyncio.Event()
        self._outbox = Outbox(self._news.set)
        self._protocol = OLDEST_PROTOCOL
        self._seen = -1
        self._telling: asyncio.Task[None] | None = None
        self._farewell: Fatal | None = None
        """The message with which the app is sent away, once it has heard what the journal has so far."""
        self.looks = False
        """Whether the app only watches, and would never replace the daemon."""

    async def run(self) -> None:
        """Serve the app until it goes or breaks the protocol."""
        try:
            await self._serve(self._messages())
        except ProtocolError as error:
            _log.warning("an app was sent away: %s", error)
            await self._write_last(Fatal("protocol", str(error)))
        except ConnectionError:
            _log.info("an app went away")
        except Exception as error:  # noqa: BLE001 - one app's trouble must not become the others'
            _log.exception("an app could not be served")
            await self._write_last(Fatal("internal", f"{type(error).__name__}: {error}"))
        finally:
            self._outbox.close()
            await self._close()

    def tell(self, message: FromBox | None) -> None:
        """Send a message without a `seq`; None means that the journal has new records to send."""
        if message is None:
            self._news.set()
        elif isinstance(message, Fatal):
            self._farewell = message
            self._news.set()
        elif not isinstance(message, Status) or self._protocol >= _STATUS_SINCE:
            self._outbox.put(message)

    async def _serve(self, messages: AsyncIterator[Message]) -> None:
        if not await self._greet(messages):
            return
        self._telling = asyncio.create_task(self._tell_on())
        try:
            async for message in messages:
                await self._handle(message)
        finally:
            await self.fall_silent()

    async def fall_silent(self) -> None:
        """Send no more news. The connection stays open, and pings are answered."""
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)

    async def _greet(self, messages: AsyncIterator[Message]) -> bool:
        with self._hanging_up_after(_GREETING_SECONDS):
            hello = await _first(messages)
        if hello is None:
            return False
        if not isinstance(hello, Hello):
            raise ProtocolError("the first message is not hello")
        if hello.newest < OLDEST_PROTOCOL or hello.oldest > NEWEST_PROTOCOL:
            raise ProtocolError(
                f"the box speaks protocol {OLDEST_PROTOCOL} to {NEWEST_PROTOCOL}, "
                f"the app {hello.oldest} to {hello.newest}"
            )
        self.looks = (hello.runner, hello.setup) == ("", "")
        answer = await self._host.welcome(hello)
        if isinstance(answer, Welcome):
            self._protocol = answer.protocol
        await self._write(answer)
        if isinstance(answer, Fatal):
            return False
        self._seen = _seen_by(hello, answer)
        self._news.set()
        return True

    async def _handle(self, message: Message) -> None:
        if isinstance(message, Submit):
            await self._submit(message)
        elif isinstance(message, Ask):
            await self._tell_known(message.jobs)
        elif isinstance(message, Arrange):
            await self._host.scheduler.arrange(message.jobs)
        elif isinstance(message, Cancel):
            await self._host.scheduler.begin_cancel(message.job)
        elif isinstance(message, Ping):
            await self._write(Pong(message.number))
        elif isinstance(message, Tokenize):
            tokens = await self._host.count_tokens(message.system, message.prompt)
            await self._write(Tokenized(message.number, tokens))
        elif isinstance(message, ChangeReplica):
            refusal = await self._host.change_replica(message.replica, message.change)
            await self._write(ReplicaChanged(message.number, refusal))
        elif isinstance(message, Stop):
            await self._host.stop(self, message.only_idle)
        else:
            raise ProtocolError(f"{message.type!r} is not for the box")

    async def _submit(self, message: Submit) -> None:
        outcome = await self._host.scheduler.submit(message)
        if isinstance(outcome, Refused):
            await self._write(outcome)
            return
        await self._write_past(outcome)

    async def _tell_known(self, jobs: Sequence[str]) -> None:
        for first in range(0, len(jobs), _BATCH):
            await self._write_past(await self._host.scheduler.known(jobs[first : first + _BATCH]))

    async def _write_past(self, messages: Sequence[Durable | Unknown]) -> None:
        """Write those of these messages that are not after the cursor.

        The others are sent later, in order. Sent now, the app would skip those between.
        """
        past = [it for it in messages if isinstance(it, Unknown) or it.seq <= self._seen]
        if past:
            await self._write(*past)

    async def _tell_on(self) -> None:
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                await self._tell_moment()
                await self._tell_journal()
                if self._farewell is not None:
                    farewell, self._farewell = self._farewell, None
                    await self._write(farewell)
                await asyncio.sleep(_REST)
        except ConnectionError:
            _log.info("an app reads nothing any more")
        except Exception:  # noqa: BLE001 - as in `run`
            _log.exception("an app could not be sent its messages")
        # Aborting the transport also ends the reader. A close would wait for an app that reads nothing.
        self._writer.transport.abort()

    async def _tell_moment(self) -> None:
        while some := self._outbox.take(_BATCH):
            await self._write(*merge_deltas(some))

    async def _tell_journal(self) -> None:
        while batch := await self._host.scheduler.messages_after(self._seen, _BATCH):
            await self._write(*(message for _, message in batch if message is not None))
            self._seen = batch[-1][0]

    async def _write(self, *messages: FromBox) -> None:
        async with self._writing:
            self._writer.write(b"".join(map(encode, messages)))
            with self._hanging_up_after(_WRITE_SECONDS):
                await self._writer.drain()

    @contextlib.contextmanager
    def _hanging_up_after(self, seconds: float) -> Iterator[None]:
        # Not asyncio.wait_for: before Python 3.12 it can swallow a cancel that comes just as it ends, and the
        # visit would never end.
        timer = asyncio.get_running_loop().call_later(seconds, self._writer.transport.abort)
        try:
            yield
        finally:
            timer.cancel()

    async def _write_last(self, message: FromBox) -> None:
        with contextlib.suppress(ConnectionError):
            await self._write(message)

    async def _messages(self) -> AsyncIterator[Message]:
        decoder = Decoder()
        while data := await self._read():
            for message in decoder.feed(data):
                yield message

    async def _read(self) -> bytes:
        if self._protocol < _PINGS_SINCE:
            return await self._reader.read(1 << 16)
        with self._hanging_up_after(_SILENCE_SECONDS):
            return await self._reader.read(1 << 16)

    async def _close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), _CLOSE_SECONDS)
        self._writer.transport.abort()


def _seen_by(hello: Hello, welcome: Welcome) -> int:
    """Return the last seq that the app needs no message of: the start of its cursor."""
    if welcome.protocol >= _ASK_SINCE or (not hello.journal and hello.after >= 0):
        return welcome.last
    # A journal that ends before `after` has lost records and reuses their seqs, so everything is sent.
    follows = hello.journal == welcome.journal and hello.after <= welcome.last
    return hello.after if follows else -1


async def _first(messages: AsyncIterator[Message]) -> Message | None:
    async for message in messages:
        return message
    return None
