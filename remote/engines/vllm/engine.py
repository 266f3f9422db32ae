"""The engine `vllm`: one vLLM server, which it starts when there is work and ends when there is none."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from remote.engines import BadRequest, EngineAway, EngineError, Piece, require_engine
from remote.engines.http import Silent
from remote.engines.openai import Limits, OpenAIEngine
from remote.engines.vllm.container import ContainerStaysError
from remote.engines.vllm.data_parallel import TooOldError
from remote.engines.vllm.hangs import is_lost
from remote.engines.vllm.installation import NEWEST_KNOWN, Version, find_version
from remote.engines.vllm.last_start import LastStart, last_start_file, save_last_start
from remote.engines.vllm.launch import Launcher
from remote.engines.vllm.listeners import find_foreign_listener
from remote.engines.vllm.model_fingerprint import model_fingerprint
from remote.engines.vllm.process import ServerProcess, pid_file, sweep
from remote.engines.vllm.stages import Stage, stage_of
from remote.engines.vllm.start_log import StartLog
from remote.engines.vllm.unbroken import run_unbroken
from remote.engines.vllm.verdict import cause_of, is_for_good
from remote.paths import DaemonPaths
from remote.protocol import EngineLoad, EngineStage, Request, VllmSetup
from remote.trusted_path import name_of

_log = logging.getLogger("vllm")

_START_SECONDS = 3600.0
"""Time limit for a start: weights may have to be downloaded. A start that fails ends much sooner by
itself."""
_STEP = 0.5
_PAUSE_SECONDS = 30.0
"""Seconds from a failed start to the next one: another process may have freed the GPU by then."""
_LONG_PAUSE_SECONDS = 300.0
"""Seconds to the next start when no start can succeed until somebody mends the box."""


@dataclass(frozen=True)
class _Running:
    """A server that answers."""

    process: ServerProcess
    client: OpenAIEngine
    serves: str
    """The fingerprint of the model's files when the server began to read them."""


class VllmEngine:
    """Answers requests through a vLLM server that it starts and ends."""

    def __init__(
        self,
        setup: VllmSetup,
        model: str,
        idle_timeout: float,
        paths: DaemonPaths,
        tell: Callable[[EngineStage], None],
        limits: Limits | None = None,
    ) -> None:
        """`tell` gets the stages of a starting server. The first request starts the server.

        Raises BadCommandError for a configured command that cannot work.
        """
        self._limits = limits
        self._setup = setup
        self._model = model
        self._idle_timeout = idle_timeout
        self._note = pid_file(paths)
        self._history = last_start_file(paths)
        self._launcher = Launcher(setup, model, paths)
        self._tell = tell
        self._version: Version | None = None
        self._engines = setup.data_parallel_size or 1
        """Engines behind the server; where the GPUs decide, 1 until the first start has counted them."""
        self._starting: asyncio.Task[_Running] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._busy = 0
        self._idle_since = time.monotonic()
        self._has_failed = False
        """Whether the last start failed."""
        self._stage: Stage | None = None
        self._log = StartLog()
        """The log of the last start, and of the server that it has led to."""
        self._gave_back = False

    @property
    def name(self) -> str:
        """ "vllm" and its version, once the version is known."""
        return "vllm " + ".".join(map(str, self._version)) if self._version else "vllm"

    def serves(self) -> str:
        """A hash of the model's files and of the flags that change its answers.

        A server goes on with the files that it has read, whatever is put in their place.
        """
        running = self._running
        if running is not None and running.process.returncode is None:
            return running.serves
        return self._fingerprint()

    @property
    def model(self) -> str:
        """Nothing: the box's settings name the model."""
        return ""

    def _fingerprint(self) -> str:
        return model_fingerprint(self._model, self._launcher.command, self._launcher.environment())

    @property
    def notice(self) -> str:
        """Empty: a language model wrote the text."""
        return ""

    @property
    def slots(self) -> int:
        """The number of requests that all engines of the server batch."""
        return self._setup.max_num_seqs * self._engines

    @property
    def stage(self) -> str:
        """The server's stage; "idle" after the engine freed the GPU, "failed" after a start or server
        failed.
        """
        if self._starting is not None and not self._starting.done():
            return (self._stage or Stage.STARTING).value
        running = self._running
        if running is not None and running.process.returncode is None:
            return Stage.READY.value
        if running is not None or self._has_failed:
            return "failed"
        return "idle" if self._gave_back else "not started"

    async def load(self) -> EngineLoad | None:
        """The server's load; None before it is ready."""
        running = self._running
        return None if running is None else await running.client.load()

    async def context(self) -> int:
        """0: the server is started with the context length of the box's settings."""
        return 0

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        """What the server counts; None before it is ready."""
        running = self._running
        return None if running is None else await running.client.count_tokens(system, prompt)

    async def generate(self, request: Request, images: Sequence[bytes]) -> AsyncIterator[Piece]:
        """Answer one request; start the server first if none runs.

        Raises BadRequest with the server's words, EngineAway when the server does not start or has died, and
        EngineError when it hangs at this request or fails at it. Of a server that was there, the end of its
        log stands in both.
        """
        self._busy += 1
        try:
            running = await self._ensure_server()
            require_engine(request, running.serves)
            try:
                async for piece in running.client.generate(request, images):
                    yield piece
            except EngineError as error:
                if await is_lost(running.client, error):
                    await self._discard(running, f"vLLM is given up: {error}")
                    message = f"{error}\n{running.process.last_lines}"
                    if isinstance(error, Silent):
                        raise EngineError(message) from error
                    raise EngineAway(f"vLLM has died: {message}", died=True) from error
                raise
        finally:
            self._busy -= 1
            self._idle_since = time.monotonic()

    async def prepare(self) -> None:
        """Start the server, unless one runs, and wait until it is ready. Raises EngineAway."""
        await self._ensure_server()

    async def close(self) -> None:
        """End the server and its whole process group, or the group that an earlier daemon left.

        A cancel does not break it off, and a second call waits for the first one. No server starts after it.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await run_unbroken(self._closing)

    async def _close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._end("the runner ends")
        # A task that was cancelled may have begun to end a server, and that may still go on.
        if self._ending is not None:
            await self._ending
        # If no request came, a server that a killed daemon left still holds the GPU.
        with contextlib.suppress(ContainerStaysError):
            await sweep(self._note, self._launcher.environment())
            self._launcher.clear()

    @property
    def _running(self) -> _Running | None:
        return None if self._starting is None else _result_of(self._starting)

    async def _ensure_server(self) -> _Running:
        """Return the server that answers, and start one if there is none. Raises EngineAway."""
        if self._starting is not None and self._starting.done():
            running = _result_of(self._starting)
            if running is not None and running.process.returncode is None:
                return running
            await self._end("vLLM has ended")
        if self._closing is not None:
            raise EngineAway("the runner ends")
        if self._starting is None:
            self._gave_back = False
            self._starting = asyncio.create_task(self._start(after=self._ending))
        # A request that is cancelled while it waits must not end the start that others wait for.
        return await asyncio.shield(self._starting)

    async def _discard(self, running: _Running, why: str) -> None:
        """End this server, unless another request has ended it already and a new one is starting."""
        if self._starting is not None and _result_of(self._starting) is running:
            await self._end(why)

    async def _start(self, after: asyncio.Task[None] | None) -> _Running:
        if after is not None:
            # Until then the old server holds the GPU, the pid file and the socket.
            await asyncio.wait([after])
        try:
            swept = await sweep(self._note, self._launcher.environment())
        except ContainerStaysError as error:
            raise self._failed(str(error), _PAUSE_SECONDS) from error
        if swept:
            _log.warning("an earlier vLLM was left over; it was ended")
        self._enter(Stage.STARTING)
        environment = self._launcher.environment()
        self._version = await find_version(self._launcher.command, environment)
        version = self._version or NEWEST_KNOWN
        try:
            self._engines = await self._launcher.count_engines(version)
            serves = await asyncio.to_thread(self._fingerprint)
            launch = await asyncio.to_thread(self._launcher.launch, version, self._engines)
            self._log = StartLog()
            began = time.monotonic()
            _log.info("starting %s", launch.shown)
            process = await ServerProcess.start(
                launch.command, launch.environment, self._note, self._hear, launch.container
            )
        except TooOldError as error:
            raise self._failed(str(error), _PAUSE_SECONDS, for_good=True) from error
        except OSError as error:
            program = self._launcher.command[0]
            where = f" ({error.filename})" if error.filename not in (None, program) else ""
            message = f"cannot start {program}: {error.strerror}{where}"
            for_good = isinstance(error, (FileNotFoundError, PermissionError))
            raise self._failed(message, _PAUSE_SECONDS, for_good=for_good) from error
        try:
            client = OpenAIEngine(launch.server, self._model, self.slots, self._limits)
            await self._until_ready(process, client, launch.port)
            self._has_failed = False
            self._log.release()
            self._enter(Stage.READY)
            seconds = time.monotonic() - began
            save_last_start(self._history, LastStart(seconds, time.time(), self._model, self.name))
        except (EngineError, BadRequest) as error:
            was_killed = (process.returncode or 0) < 0
            has_failed_at_once = self._stage is Stage.STARTING and (process.returncode or 0) > 0
            # The log has been read to the end only after `stop`.
            await process.stop(has_run=not has_failed_at_once)
            lines = process.lines
            refused = isinstance(error, BadRequest)
            unsaid = "something has killed it" if was_killed else "its log does not say why"
            verdict = (
                f"vLLM refuses a first request: {error}"
                if refused
                else f"{error} {cause_of(lines) or unsaid}"
            )
            self._log.conclude(verdict)
            raise self._failed(
                verdict,
                None if was_killed else _PAUSE_SECONDS,
                for_good=refused or is_for_good(lines),
            ) from error
        except BaseException:
            await process.stop()
            self._log.release()
            raise
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        return _Running(process, client, serves)

    async def _until_ready(
        self, process: ServerProcess, client: OpenAIEngine, port: int | None
    ) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not await client.is_healthy():
            if process.returncode is not None:
                code = process.returncode
                raise EngineError(f"vLLM ended while starting, with exit status {code}:")
            if time.monotonic() > deadline:
                raise EngineError("vLLM was not ready in time:")
            self._log.look()
            await asyncio.sleep(_STEP)
        self._enter(Stage.WARMING)
        await _refuse_foreign_listener(port)
        await client.probe()
        await _refuse_foreign_listener(port)

    def _failed(self, message: str, pause: float | None, *, for_good: bool = False) -> EngineAway:
        """Note that a start has failed, and return the error. `pause` is the time until the next one."""
        self._has_failed = True
        return EngineAway(message, _LONG_PAUSE_SECONDS if for_good else pause, for_good=for_good)

    def _hear(self, line: str) -> None:
        self._log.hear(line)
        stage = stage_of(line)
        # Workers log the same stages one after the other, and a server that ends may log one; only a later
        # stage counts.
        if stage is not None and self._stage is not None and stage.comes_after(self._stage):
            self._enter(stage)

    def _enter(self, stage: Stage) -> None:
        if stage is not self._stage:
            self._stage = stage
            self._tell(EngineStage(time.time(), stage.value))

    async def _watch(self) -> None:
        """End the server when no request has come for `idle_timeout` seconds, so that the GPU is free."""
        while True:
            await asyncio.sleep(min(1.0, self._idle_timeout / 4))
            idle = time.monotonic() - self._idle_since
            if self._starting is not None and not self._busy and idle > self._idle_timeout:
                self._gave_back = True
                await self._end(f"idle for {self._idle_timeout:.0f} s; giving the GPU back")

    async def _end(self, why: str) -> None:
        starting, self._starting = self._starting, None
        if starting is None:
            return
        _log.info("%s", why)
        self._stage = None
        # A separate task: a request that is cancelled while it waits must not leave half a process group.
        self._ending = asyncio.create_task(self._finish(starting, after=self._ending))
        await asyncio.shield(self._ending)

    async def _finish(
        self, starting: asyncio.Task[_Running], after: asyncio.Task[None] | None
    ) -> None:
        if after is not None:
            await asyncio.wait([after])
        starting.cancel()
        await asyncio.wait([starting])
        running = _result_of(starting)
        if running is not None:
            await running.process.stop()
        self._launcher.clear()


async def _refuse_foreign_listener(port: int | None) -> None:
    """Raise EngineError if another user has taken the server's port and answers in its place."""
    user = None if port is None else await asyncio.to_thread(find_foreign_listener, port)
    if user is not None:
        raise EngineError(
            f"{name_of(user)} listens on port {port} of this box, which was meant for vLLM; "
            "no prompt was sent there:"
        )


def _result_of(starting: asyncio.Task[_Running]) -> _Running | None:
    """The server that was started; None while it starts, and when the start failed."""
    if not starting.done() or starting.cancelled() or starting.exception() is not None:
        return None
    return starting.result()
