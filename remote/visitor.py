"""One attached app: its greeting, what it asks, and everything that it is told.

Durable messages are not queued for a visitor: it has a place in the journal and reads on from there, so
a slow app costs no memory. Messages of the moment wait in a bounded queue and are dropped when it is full.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

from remote.protocol import (
    NEWEST_PROTOCOL,
    OLDEST_PROTOCOL,
    Cancel,
    Decoder,
    Fatal,
    FromBox,
    Hello,
    Message,
    Ping,
    Pong,
    ProtocolError,
    Refused,
    Stop,
    Submit,
    Welcome,
    encode,
)
from remote.work import Work

_log = logging.getLogger(__name__)

_GREETING_SECONDS = 30.0
_WRITE_SECONDS = 120.0
"""A peer that takes nothing for so long is gone; it will come back and resume."""
_MOST_WAITING = 10_000
_BATCH = 200


class House(Protocol):
    """What a visitor needs of the daemon."""

    @property
    def work(self) -> Work: ...

    async def welcome(self, hello: Hello) -> Welcome | Fatal: ...

    async def stop(self, visitor: Visitor, only_idle: bool) -> None: ...


class Visitor:
    """One connection of one app."""

    def __init__(
        self, house: House, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._house = house
        self._reader = reader
        self._writer = writer
        self._momentary: deque[FromBox] = deque(maxlen=_MOST_WAITING)
        self._news = asyncio.Event()
        self._seen = -1

    async def run(self) -> None:
        """Serve the app until it goes or breaks the protocol."""
        messages = self._messages()
        try:
            if not await self._greet(messages):
                return
            telling = asyncio.create_task(self._tell_on())
            try:
                async for message in messages:
                    await self._handle(message)
            finally:
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)
        except ProtocolError as error:
            _log.warning("an app was sent away: %s", error)
            await self._write(Fatal("protocol", str(error)))
        except (ConnectionError, asyncio.TimeoutError):
            _log.info("an app went away")
        finally:
            await self._close()

    def tell(self, message: FromBox | None) -> None:
        """Pass on a message of the moment; None says that the journal grew."""
        if message is not None:
            self._momentary.append(message)
        self._news.set()

    async def _greet(self, messages: AsyncIterator[Message]) -> bool:
        hello = await asyncio.wait_for(anext(messages, None), _GREETING_SECONDS)
        if hello is None:
            return False
        if not isinstance(hello, Hello):
            raise ProtocolError("the first message is not hello")
        if hello.newest < OLDEST_PROTOCOL or hello.oldest > NEWEST_PROTOCOL:
            raise ProtocolError(
                f"the box speaks protocol {OLDEST_PROTOCOL} to {NEWEST_PROTOCOL}, "
                f"the app {hello.oldest} to {hello.newest}"
            )
        answer = await self._house.welcome(hello)
        await self._write(answer)
        if isinstance(answer, Fatal):
            return False
        self._seen = hello.after if hello.journal == answer.journal else -1
        self._news.set()
        return True

    async def _handle(self, message: Message) -> None:
        if isinstance(message, Submit):
            outcome = await self._house.work.submit(message)
            for told in [outcome] if isinstance(outcome, Refused) else outcome:
                self.tell(told)
        elif isinstance(message, Cancel):
            await self._house.work.cancel(message.job)
        elif isinstance(message, Ping):
            self.tell(Pong(message.number))
        elif isinstance(message, Stop):
            await self._house.stop(self, message.only_idle)
        else:
            raise ProtocolError(f"{message.type!r} is not for the box")

    async def _tell_on(self) -> None:
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                while self._momentary:
                    await self._write(self._momentary.popleft())
                await self._tell_journal()
        except (ConnectionError, asyncio.TimeoutError):
            # The reader notices too, once the transport is closed.
            self._writer.close()

    async def _tell_journal(self) -> None:
        while batch := await self._house.work.told_after(self._seen, _BATCH):
            for seq, message in batch:
                if message is not None:
                    await self._write(message)
                self._seen = seq

    async def _write(self, message: FromBox) -> None:
        self._writer.write(encode(message))
        await asyncio.wait_for(self._writer.drain(), _WRITE_SECONDS)

    async def _messages(self) -> AsyncIterator[Message]:
        decoder = Decoder()
        while data := await self._reader.read(1 << 16):
            for message in decoder.feed(data):
                yield message

    async def _close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), 5)
