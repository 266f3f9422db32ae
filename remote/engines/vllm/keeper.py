"""Keeps one model server for an engine: starts it when there is work, and ends it when there is none."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from remote.engines import EngineAway, EngineError, Piece, require_engine
from remote.engines.http import Silent
from remote.engines.on_demand import Lifecycle, OnDemand
from remote.engines.openai import OpenAIEngine
from remote.engines.vllm.container import ContainerStaysError
from remote.engines.vllm.hangs import is_lost
from remote.engines.vllm.process import ServerProcess
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


class ServerKeeper(OnDemand[RunningServer]):
    """Has at most one server, which all requests share."""

    def __init__(self, what: str, handling: Handling, idle_timeout: float) -> None:
        """`what` is the server's name in messages: "vLLM"."""
        life = Lifecycle(
            self._start_server, _is_alive, self._stop_server, self._sweep, handling.forget
        )
        log = logging.getLogger(what.lower())
        super().__init__(life, idle_timeout, log, f"{what} has ended", "the GPU")
        self._what = what
        self._handling = handling
        self._has_failed = False
        """Whether the last start failed."""

    def stage(self, starting: str) -> str:
        """The server's stage: `starting` while it starts, "idle" after it was given back, "failed" after a
        start or the server failed.
        """
        if self.is_starting:
            return starting
        if self.living is not None:
            return READY
        if self.running is not None or self._has_failed:
            return "failed"
        return "idle" if self.was_given_back else "not started"

    async def answer(
        self, request: Request, images: Sequence[bytes]
    ) -> AsyncGenerator[Piece, None]:
        """Answer one request; start the server first if none runs.

        Raises BadRequest with the server's words, EngineAway when the server does not start or has died, and
        EngineError when it hangs at this request or fails at it. Of a server that was there, the end of its
        log stands in both.
        """
        with self.in_use():
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

    async def _discard(self, running: RunningServer, why: str) -> None:
        """End this server, unless another request has ended it already and a new one is starting."""
        if self.running is running:
            await self.end(why)

    async def _start_server(self) -> RunningServer:
        try:
            running = await self._handling.start()
        except EngineAway:
            self._has_failed = True
            raise
        self._has_failed = False
        return running

    async def _stop_server(self, running: RunningServer | None) -> None:
        if running is not None:
            await running.process.stop()
        self._handling.clear()

    async def _sweep(self) -> None:
        with contextlib.suppress(ContainerStaysError):
            await self._handling.sweep()
            self._handling.clear()


def _is_alive(running: RunningServer) -> bool:
    return running.process.returncode is None
