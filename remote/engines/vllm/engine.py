"""The engine `vllm`: one vLLM server, which it starts when there is work and ends when there is none."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence

from remote.engines import BadRequest, EngineAway, EngineError, Piece
from remote.engines.openai import Limits, OpenAIEngine
from remote.engines.vllm.container import ContainerStaysError
from remote.engines.vllm.data_parallel import TooOldError
from remote.engines.vllm.installation import NEWEST_KNOWN, Version, find_version
from remote.engines.vllm.keeper import Handling, RunningServer, ServerKeeper
from remote.engines.vllm.last_start import LastStart, last_start_file, save_last_start
from remote.engines.vllm.launch import Launcher
from remote.engines.vllm.listeners import find_foreign_listener
from remote.engines.vllm.model_fingerprint import model_fingerprint
from remote.engines.vllm.process import ServerProcess, pid_file, sweep
from remote.engines.vllm.stages import Stage, stage_of
from remote.engines.vllm.start_log import StartLog
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
        self._note = pid_file(paths)
        self._history = last_start_file(paths)
        self._launcher = Launcher(setup, model, paths)
        self._tell = tell
        self._version: Version | None = None
        self._engines = setup.data_parallel_size or 1
        """Engines behind the server; where the GPUs decide, 1 until the first start has counted them."""
        self._stage: Stage | None = None
        self._log = StartLog()
        """The log of the last start, and of the server that it has led to."""
        handling = Handling(self._start, self._forget, self._sweep, self._launcher.clear)
        self._keeper = ServerKeeper("vLLM", handling, idle_timeout)

    @property
    def name(self) -> str:
        """ "vllm" and its version, once the version is known."""
        return "vllm " + ".".join(map(str, self._version)) if self._version else "vllm"

    def serves(self) -> str:
        """A hash of the model's files and of the flags that change its answers.

        A server goes on with the files that it has read, whatever is put in their place.
        """
        living = self._keeper.living
        return self._fingerprint() if living is None else living.serves

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
        return self._keeper.stage((self._stage or Stage.STARTING).value)

    async def load(self) -> EngineLoad | None:
        """The server's load; None before it is ready."""
        running = self._keeper.running
        return None if running is None else await running.client.load()

    async def context(self) -> int:
        """0: the server is started with the context length of the box's settings."""
        return 0

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        """What the server counts; None before it is ready."""
        running = self._keeper.running
        return None if running is None else await running.client.count_tokens(system, prompt)

    def generate(self, request: Request, images: Sequence[bytes]) -> AsyncIterator[Piece]:
        """Answer one request; start the server first if none runs.

        Raises BadRequest with the server's words, EngineAway when the server does not start or has died, and
        EngineError when it hangs at this request or fails at it. Of a server that was there, the end of its
        log stands in both.
        """
        return self._keeper.answer(request, images)

    async def prepare(self) -> None:
        """Start the server, unless one runs, and wait until it is ready. Raises EngineAway."""
        await self._keeper.ensure()

    async def close(self) -> None:
        """End the server and its whole process group, or the group that an earlier daemon left.

        A cancel does not break it off, and a second call waits for the first one. No server starts after it.
        """
        await self._keeper.close()

    async def _sweep(self) -> bool:
        return await sweep(self._note, self._launcher.environment())

    def _forget(self) -> None:
        self._stage = None

    async def _start(self) -> RunningServer:
        try:
            swept = await self._sweep()
        except ContainerStaysError as error:
            raise _failed(str(error), _PAUSE_SECONDS) from error
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
            raise _failed(str(error), _PAUSE_SECONDS, for_good=True) from error
        except OSError as error:
            program = self._launcher.command[0]
            where = f" ({error.filename})" if error.filename not in (None, program) else ""
            message = f"cannot start {program}: {error.strerror}{where}"
            for_good = isinstance(error, (FileNotFoundError, PermissionError))
            raise _failed(message, _PAUSE_SECONDS, for_good=for_good) from error
        try:
            client = OpenAIEngine(launch.server, self._model, self.slots, self._limits)
            await self._until_ready(process, client, launch.port)
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
            raise _failed(
                verdict,
                None if was_killed else _PAUSE_SECONDS,
                for_good=refused or is_for_good(lines),
            ) from error
        except BaseException:
            await process.stop()
            self._log.release()
            raise
        return RunningServer(process, client, serves)

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


async def _refuse_foreign_listener(port: int | None) -> None:
    """Raise EngineError if another user has taken the server's port and answers in its place."""
    user = None if port is None else await asyncio.to_thread(find_foreign_listener, port)
    if user is not None:
        raise EngineError(
            f"{name_of(user)} listens on port {port} of this box, which was meant for vLLM; "
            "no prompt was sent there:"
        )


def _failed(message: str, pause: float | None, *, for_good: bool = False) -> EngineAway:
    """Return the error of a failed start. `pause` is the time until the next one."""
    return EngineAway(message, _LONG_PAUSE_SECONDS if for_good else pause, for_good=for_good)
