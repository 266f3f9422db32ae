"""Keeps what requests share, such as a model server: the first one starts it, and without any it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from remote.engines import EngineAway
from remote.engines.unbroken import run_unbroken

T = TypeVar("T")


def _nothing() -> None:
    """There is nothing to do."""


@dataclass(frozen=True)
class Lifecycle(Generic[T]):
    """How the thing is started and ended."""

    start: Callable[[], Awaitable[T]]
    """Starts it and waits until it can be used. Raises EngineAway."""
    is_alive: Callable[[T], bool]
    """Whether it has not ended by itself."""
    stop: Callable[[T | None], Awaitable[None]]
    """Ends it, and removes what is left of it; None when its start has failed or was broken off."""
    sweep: Callable[[], Awaitable[None]]
    """Ends what an earlier daemon left. It is called when the engine is closed."""
    forget: Callable[[], None] = _nothing
    """Is told that it is given up, before it ends."""
    note_given_back: Callable[[], None] = _nothing
    """Is told that it has ended because no request came."""


class OnDemand(Generic[T]):
    """Has at most one of it, which all requests share."""

    def __init__(
        self, life: Lifecycle[T], idle_timeout: float, log: logging.Logger, gone: str, resource: str
    ) -> None:
        """For the log, `gone` says that it has ended by itself; an idle one gives `resource` back."""
        self._life = life
        self._idle_timeout = idle_timeout
        self._log = log
        self._gone = gone
        self._resource = resource
        self._starting: asyncio.Task[T] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._busy = 0
        self._idle_since = time.monotonic()
        self.was_given_back = False
        """Whether it was ended because no request came, and not started since."""

    @property
    def is_starting(self) -> bool:
        """Whether it starts now."""
        return self._starting is not None and not self._starting.done()

    @property
    def running(self) -> T | None:
        """What was started, which may have ended by itself; None before it can be used."""
        return None if self._starting is None else _result_of(self._starting)

    @property
    def living(self) -> T | None:
        """What was started, if it has not ended."""
        running = self.running
        return running if running is not None and self._life.is_alive(running) else None

    @property
    def has_gone(self) -> bool:
        """Whether its start has failed, or it has ended by itself."""
        return self._starting is not None and self._starting.done() and self.living is None

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep it from counting as idle during the block."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._idle_since = time.monotonic()

    async def ensure(self) -> T:
        """Return what can be used, and start it if there is none. Raises EngineAway."""
        living = self.living
        if living is not None:
            return living
        if self.has_gone:
            await self.end(self._gone)
        if self._closing is not None:
            raise EngineAway("the runner ends")
        if self._starting is None:
            self.was_given_back = False
            self._starting = asyncio.create_task(self._start(after=self._ending))
        # A request that is cancelled while it waits must not end the start that others wait for.
        return await asyncio.shield(self._starting)

    async def end(self, why: str) -> None:
        """End it, if there is one."""
        starting, self._starting = self._starting, None
        if starting is None:
            return
        self._log.info("%s", why)
        self._life.forget()
        # A separate task: a request that is cancelled while it waits must not leave half of it.
        self._ending = asyncio.create_task(self._finish(starting, after=self._ending))
        await asyncio.shield(self._ending)

    async def close(self) -> None:
        """End it and all its processes, or those that an earlier daemon left.

        A cancel does not break it off, and a second call waits for the first one. Nothing starts after it.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await run_unbroken(self._closing)

    async def _close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self.end("the runner ends")
        # A task that was cancelled may have begun to end it, and that may still go on.
        if self._ending is not None:
            await self._ending
        # If no request came, what a killed daemon left still holds the GPU.
        await self._life.sweep()

    async def _start(self, after: asyncio.Task[None] | None) -> T:
        if after is not None:
            # Until then the old one holds the GPU, its note and its socket.
            await asyncio.wait([after])
        started = await self._life.start()
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        return started

    async def _watch(self) -> None:
        """End it when no request has come for `idle_timeout` seconds, so that what it holds is free."""
        while True:
            await asyncio.sleep(min(1.0, self._idle_timeout / 4))
            idle = time.monotonic() - self._idle_since
            if self._starting is not None and not self._busy and idle > self._idle_timeout:
                self.was_given_back = True
                await self.end(f"idle for {self._idle_timeout:.0f} s; giving {self._resource} back")
                self._life.note_given_back()

    async def _finish(self, starting: asyncio.Task[T], after: asyncio.Task[None] | None) -> None:
        if after is not None:
            await asyncio.wait([after])
        starting.cancel()
        await asyncio.wait([starting])
        await self._life.stop(_result_of(starting))


def _result_of(starting: asyncio.Task[T]) -> T | None:
    """What was started; None while it starts, and when the start failed."""
    if not starting.done() or starting.cancelled() or starting.exception() is not None:
        return None
    return starting.result()
