"""The daemon's end of a driver: starts its process, sends it requests, and notices that it has gone."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from remote.engines import (
    BadRequest,
    Completion,
    EngineAway,
    EngineError,
    EngineGone,
    EngineReplaced,
    Hold,
    Piece,
    Usage,
)
from remote.engines.ray import messages as told
from remote.engines.ray.bounded import bounded
from remote.engines.ray.messages import (
    AskChange,
    AskLoad,
    AskTokens,
    Counted,
    Done,
    DriverSetup,
    Drop,
    End,
    Generate,
    Given,
    Greeting,
    Heeded,
    Held,
    Joined,
    Load,
    Reader,
    ReplicaSetState,
    Said,
    Text,
    Trouble,
    Unable,
    encode,
)
from remote.engines.vllm.command import expand_home
from remote.engines.vllm.process import ServerProcess
from remote.paths import DaemonPaths
from remote.peer_credentials import is_another_user
from remote.protocol import EngineLoad, ProtocolError, Request, Setup

_log = logging.getLogger("ray")

_CHUNK = 1 << 18
_GREETING_SECONDS = 60.0
"""Seconds until a driver must have connected."""
_SILENCE_SECONDS = 30.0
"""Seconds of silence after which a driver counts as hung."""
_END_SECONDS = 45.0
"""Seconds in which a driver ends its replicas and itself."""
_LOAD_SECONDS = 2.0
_TOKENS_SECONDS = 6.0
_CHANGE_SECONDS = 5.0
_PAUSE = 5.0
"""Seconds from the loss of a driver to the next one."""
_LONG_PAUSE = 300.0
"""The same when no driver can succeed until somebody mends something."""


class DriverLink:
    """A driver that was started. Its owner must call `end`."""

    def __init__(self, process: ServerProcess, changed: Callable[[], None]) -> None:
        self._process = process
        self._changed = changed
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Queue[told.Message]] = {}
        self._replies: dict[int, asyncio.Future[Load | Counted | Heeded]] = {}
        self._heard = time.monotonic()
        self.joined: Joined | None = None
        self.replicas: ReplicaSetState | None = None
        self.failure: EngineAway | None = None
        """Why the driver has gone or cannot go on; None while it works."""

    @classmethod
    async def start(
        cls, setup: Setup, runner: Path, paths: DaemonPaths, changed: Callable[[], None]
    ) -> DriverLink:
        """Start a driver, and send it its setup. `changed` is called whenever something of it changes.

        Raises EngineAway.
        """
        assert setup.ray is not None  # noqa: S101 - for mypy
        python = expand_home(setup.ray.python)
        mark = secrets.token_hex(16)
        address = driver_socket(paths)
        address.unlink(missing_ok=True)
        arrived: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter, Reader]] = (
            asyncio.get_running_loop().create_future()
        )

        async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            messages = Reader()
            if not arrived.done() and await _greets(reader, writer, messages, mark):
                arrived.set_result((reader, writer, messages))
            else:
                writer.transport.abort()

        try:
            server = await asyncio.start_unix_server(visit, address)
            try:
                process = await ServerProcess.start(
                    [python, str(runner), told.DRIVER_COMMAND, str(address), mark],
                    {**os.environ, "PYTHONUNBUFFERED": "1"},
                    driver_note(paths),
                    _log_line,
                )
            except BaseException:
                server.close()
                raise
        except OSError as error:
            words = f"cannot start {python}: {error.strerror}. Set ray.python of the box"
            raise EngineAway(words, _LONG_PAUSE, for_good=True) from error
        link = cls(process, changed)
        try:
            deadline = time.monotonic() + _GREETING_SECONDS
            while not arrived.done():
                await asyncio.wait([arrived], timeout=0.2)
                if process.returncode is not None or time.monotonic() > deadline:
                    await process.stop()
                    words = process.last_lines or "it says nothing"
                    raise EngineAway(f"the driver of Ray does not start: {words}", _PAUSE)
            link._begin(*arrived.result(), setup)
        except BaseException:
            await process.stop()
            raise
        finally:
            server.close()
            address.unlink(missing_ok=True)
        return link

    async def generate(self, request: Request, images: Sequence[bytes]) -> AsyncIterator[Piece]:
        """Have a replica answer. Raises what `Engine.generate` raises."""
        number = next(self._numbers)
        queue: asyncio.Queue[told.Message] = asyncio.Queue()
        self._answers[number] = queue
        is_given = has_ended = False
        try:
            self._send(encode(Generate(number, request, tuple(map(len, images))), images))
            while True:
                message = await queue.get()
                if isinstance(message, Given):
                    is_given = True
                elif isinstance(message, Text):
                    yield message.text
                elif isinstance(message, Held):
                    yield Hold(message.seconds, message.reason)
                elif isinstance(message, Done):
                    has_ended = True
                    tokens = (message.prompt_tokens, message.completion_tokens)
                    yield Completion(message.finish_reason, *tokens)
                    return
                elif isinstance(message, Trouble):
                    has_ended = True
                    raise _error_of(message)
                else:
                    has_ended = True
                    failure = self.failure or EngineAway("the driver of Ray has ended")
                    # A replica may have worked on it, and may have been what ended the driver.
                    raise EngineGone(str(failure)) if is_given else _again(failure)
        finally:
            del self._answers[number]
            if not has_ended:
                self._send(encode(Drop(number)))

    async def load(self) -> EngineLoad | None:
        """The load of all replicas; None when it is not known in time."""
        reply = await self._ask(AskLoad(next(self._numbers)), _LOAD_SECONDS)
        return reply.load if isinstance(reply, Load) else None

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        """As `Engine.count_tokens`, by a replica; None when none counts in time."""
        reply = await self._ask(AskTokens(next(self._numbers), system, prompt), _TOKENS_SECONDS)
        return reply.tokens if isinstance(reply, Counted) else None

    async def change_replica(self, name: str, change: str) -> str:
        """As `Replicated.change_replica`."""
        reply = await self._ask(AskChange(next(self._numbers), name, change), _CHANGE_SECONDS)
        return reply.refusal if isinstance(reply, Heeded) else "the driver of Ray does not answer"

    async def _ask(
        self, question: AskLoad | AskTokens | AskChange, seconds: float
    ) -> Load | Counted | Heeded | None:
        """Ask the driver; None when no answer comes in time."""
        reply = self._replies[question.number] = asyncio.get_running_loop().create_future()
        try:
            self._send(encode(question))
            await asyncio.wait([reply], timeout=seconds)
            return reply.result() if reply.done() else None
        finally:
            del self._replies[question.number]
            reply.cancel()

    async def end(self) -> None:
        """Ask the driver to end its replicas and itself, and kill it if it does not."""
        self._lose(EngineAway("the driver of Ray has ended"))
        self._send(encode(End()))
        deadline = time.monotonic() + _END_SECONDS
        while self._process.returncode is None and time.monotonic() < deadline:
            if time.monotonic() - self._heard > _SILENCE_SECONDS:
                break
            await asyncio.sleep(0.05)
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._writer is not None:
            self._writer.transport.abort()
        await self._process.stop()

    def _begin(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        messages: Reader,
        setup: Setup,
    ) -> None:
        self._writer = writer
        self._send(encode(DriverSetup(setup)))
        self._heard = time.monotonic()
        self._reading = asyncio.create_task(self._read(reader, messages))

    def _send(self, data: bytes) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(data)

    async def _read(self, reader: asyncio.StreamReader, messages: Reader) -> None:
        words = "the driver of Ray has died"
        try:
            while True:
                data = await bounded(reader.read(_CHUNK), _SILENCE_SECONDS)
                if not data:
                    break
                self._heard = time.monotonic()
                for message, _ in messages.feed(data):
                    self._hear(message)
        except asyncio.TimeoutError:
            words = f"the driver of Ray has said nothing for {_SILENCE_SECONDS:.0f} s"
        except (OSError, ProtocolError) as error:
            words = f"the driver of Ray has gone: {error}"
        self._lose(EngineAway(words, 1.0))

    def _hear(self, message: told.Message) -> None:
        if isinstance(message, (Given, Text, Held, Done, Trouble)):
            if queue := self._answers.get(message.number):
                queue.put_nowait(message)
        elif isinstance(message, (Load, Counted, Heeded)):
            reply = self._replies.get(message.number)
            if reply is not None and not reply.done():
                reply.set_result(message)
        elif isinstance(message, Joined):
            self.joined = message
            _log_joined(message)
            self._changed()
        elif isinstance(message, ReplicaSetState):
            self.replicas = message
            self._changed()
        elif isinstance(message, Said):
            level = logging.WARNING if message.level == "warning" else logging.INFO
            _log.log(level, "%s", message.text)
        elif isinstance(message, Unable):
            pause = _LONG_PAUSE if message.for_good else _PAUSE
            self._lose(EngineAway(message.message, pause, for_good=message.for_good))

    def _lose(self, failure: EngineAway) -> None:
        """The driver is of no use any more: let all requests that it has fail."""
        if self.failure is not None:
            return
        self.failure = failure
        for queue in self._answers.values():
            queue.put_nowait(End())
        self._changed()


async def _greets(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, messages: Reader, mark: str
) -> bool:
    """Return whether it is the driver that was started who has connected."""
    if is_another_user(writer.get_extra_info("socket")):
        return False
    try:
        data = await bounded(reader.read(_CHUNK), _GREETING_SECONDS)
        heard = [message for message, _ in messages.feed(data)]
    except (OSError, ProtocolError, asyncio.TimeoutError):
        return False
    return heard[:1] == [Greeting(mark)]


def _error_of(trouble: Trouble) -> Exception:
    error: BadRequest | EngineError
    if trouble.kind == told.REPLACED:
        return EngineReplaced(trouble.message)
    if trouble.kind == told.BAD:
        error = BadRequest(trouble.message)
    elif trouble.kind in (told.GONE, told.ENDED):
        error = EngineGone(trouble.message, was_asked=trouble.kind == told.ENDED)
    elif trouble.kind == told.AWAY:
        error = EngineAway(trouble.message, trouble.retry_after, for_good=trouble.for_good)
    else:
        error = EngineError(trouble.message)
    if trouble.prompt_tokens is not None and trouble.completion_tokens is not None:
        error.usage = Usage(trouble.prompt_tokens, trouble.completion_tokens)
    return error


def _again(failure: EngineAway) -> EngineAway:
    """The same error as another object: each request raises its own."""
    return EngineAway(str(failure), failure.retry_after, for_good=failure.for_good)


def _log_joined(joined: Joined) -> None:
    _log.info("joined Ray %s with Python %s", joined.ray, joined.python)
    if joined.is_open:
        _log.warning(
            "whoever reaches this Ray cluster may run anything there as its user; start Ray with "
            "RAY_AUTH_MODE=token"
        )


def _log_line(line: str) -> None:
    _log.info("%s", line)


def driver_socket(paths: DaemonPaths) -> Path:
    """The Unix socket at which the daemon awaits its driver."""
    return paths.run / f"{paths.key}.ray"


def driver_note(paths: DaemonPaths) -> Path:
    """The file by which a later daemon finds a driver that was left."""
    return paths.state / "ray.json"
