"""Keeps one model server for an engine: starts it when there is work, and ends it when there is none."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from remote.engines import EngineAway, EngineError, Piece, require_engine
from remote.engines.http import Silent
from remote.engines.openai import OpenAIEngine
from remote.engines.vllm.container import ContainerStaysError
from remote.engines.vllm.hangs import is_lost
from remote.engines.vllm.process import ServerProcess
from remote.engines.vllm.unbroken import run_unbroken
from remote.protocol import Request

READY = "ready"


@dataclass(frozen=True)
class RunningServer:
    """A server that answers."""

    process: ServerProcess
    client: OpenAIEngine
    serves: str
    """The fingerprint of the model's files when the server began to read them."""


@dataclass(frozen=True)
class Handling:
    """What an engine does for its server when the keeper asks for it."""

    start: Callable[[], Awaitable[RunningServer]]
    """Starts a server and waits until it answers. Raises EngineAway."""
    forget: Callable[[], None]
    """Is told that a server is given up, before that ends."""
    sweep: Callable[[], Awaitable[object]]
    """Ends the server that an earlier daemon left. May raise ContainerStaysError."""
    clear: Callable[[], None]
    """Removes the files of a server that has ended."""


class ServerKeeper:
    """Has at most one server, which all requests share."""

    def __init__(self, what: str, handling: Handling, idle_timeout: float) -> None:
        """`what` is the server's name in messages: "vLLM"."""
        self._what = what
        self._log = logging.getLogger(what.lower())
        self._handling = handling
        self._idle_timeout = idle_timeout
        self._starting: asyncio.Task[RunningServer] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._busy = 0
        self._idle_since = time.monotonic()
        self._has_failed = False
        """Whether the last start failed."""
        self._gave_back = False

    @property
    def running(self) -> RunningServer | None:
        """The server that was started, which may have ended by itself; None before it answers."""
        return None if self._starting is None else _result_of(self._starting)

    @property
    def living(self) -> RunningServer | None:
        """The server, if it runs."""
        running = self.running
        return running if running is not None and running.process.returncode is None else None

    def stage(self, starting: str) -> str:
        """The server's stage: `starting` while it starts, "idle" after it was given back, "failed" after a
        start or the server failed.
        """
        if self._starting is not None and not self._starting.done():
            return starting
        if self.living is not None:
            return READY
        if self.running is not None or self._has_failed:
            return "failed"
        return "idle" if self._gave_back else "not started"

    async def answer(
        self, request: Request, images: Sequence[bytes]
    ) -> AsyncGenerator[Piece, None]:
        """Answer one request; start the server first if none runs.

        Raises BadRequest with the server's words, EngineAway when the server does not start or has died, and
        EngineError when it hangs at this request or fails at it. Of a server that was there, the end of its
        log stands in both.
        """
        self._busy += 1
        try:
            running = await self.ensure()
            require_engine(request, running.serves)
            try:
                async for piece in running.client.generate(request, images):
                    yield piece
            except EngineError as error:
                if await is_lost(running.client, error):
                    await self._discard(running, f"{self._what} is given up: {error}")
                    message = f"{error}\n{running.process.last_lines}"
                    if isinstance(error, Silent):
                        raise EngineError(message) from error
                    raise EngineAway(f"{self._what} has died: {message}", died=True) from error
                raise
        finally:
            self._busy -= 1
            self._idle_since = time.monotonic()

    async def ensure(self) -> RunningServer:
        """Return the server that answers, and start one if there is none. Raises EngineAway."""
        if self._starting is not None and self._starting.done():
            living = self.living
            if living is not None:
                return living
            await self.end(f"{self._what} has ended")
        if self._closing is not None:
            raise EngineAway("the runner ends")
        if self._starting is None:
            self._gave_back = False
            self._starting = asyncio.create_task(self._start(after=self._ending))
        # A request that is cancelled while it waits must not end the start that others wait for.
        return await asyncio.shield(self._starting)

    async def close(self) -> None:
        """End the server and its whole process group, or the group that an earlier daemon left.

        A cancel does not break it off, and a second call waits for the first one. No server starts after it.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await run_unbroken(self._closing)

    async def end(self, why: str) -> None:
        """End the server, if there is one."""
        starting, self._starting = self._starting, None
        if starting is None:
            return
        self._log.info("%s", why)
        self._handling.forget()
        # A separate task: a request that is cancelled while it waits must not leave half a process group.
        self._ending = asyncio.create_task(self._finish(starting, after=self._ending))
        await asyncio.shield(self._ending)

    async def _close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self.end("the runner ends")
        # A task that was cancelled may have begun to end a server, and that may still go on.
        if self._ending is not None:
            await self._ending
        # If no request came, a server that a killed daemon left still holds the GPU.
        with contextlib.suppress(ContainerStaysError):
            await self._handling.sweep()
            self._handling.clear()

    async def _discard(self, running: RunningServer, why: str) -> None:
        """End this server, unless another request has ended it already and a new one is starting."""
        if self._starting is not None and _result_of(self._starting) is running:
            await self.end(why)

    async def _start(self, after: asyncio.Task[None] | None) -> RunningServer:
        if after is not None:
            # Until then the old server holds the GPU, the pid file and the socket.
            await asyncio.wait([after])
        try:
            running = await self._handling.start()
        except EngineAway:
            self._has_failed = True
            raise
        self._has_failed = False
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        return running

    async def _watch(self) -> None:
        """End the server when no request has come for `idle_timeout` seconds, so that the GPU is free."""
        while True:
            await asyncio.sleep(min(1.0, self._idle_timeout / 4))
            idle = time.monotonic() - self._idle_since
            if self._starting is not None and not self._busy and idle > self._idle_timeout:
                self._gave_back = True
                await self.end(f"idle for {self._idle_timeout:.0f} s; giving the GPU back")

    async def _finish(
        self, starting: asyncio.Task[RunningServer], after: asyncio.Task[None] | None
    ) -> None:
        if after is not None:
            await asyncio.wait([after])
        starting.cancel()
        await asyncio.wait([starting])
        running = _result_of(starting)
        if running is not None:
            await running.process.stop()
        self._handling.clear()


def _result_of(starting: asyncio.Task[RunningServer]) -> RunningServer | None:
    """The server that was started; None while it starts, and when the start failed."""
    if not starting.done() or starting.cancelled() or starting.exception() is not None:
        return None
    return starting.result()
