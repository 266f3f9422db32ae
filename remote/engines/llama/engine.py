"""The engine `llama`: one llama.cpp server, started when there is work and ended when there is none."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from remote.engines import BadRequest, Completion, EngineAway, EngineError, Piece
from remote.engines.http import Server
from remote.engines.llama.command import KEY, serve_command
from remote.engines.llama.installation import MissingError, find_llama
from remote.engines.llama.weights import weights_fingerprint
from remote.engines.openai import Limits, OpenAIEngine
from remote.engines.sketch import describe_frames
from remote.engines.vllm.container import ContainerStaysError
from remote.engines.vllm.keeper import READY, Handling, RunningServer, ServerKeeper
from remote.engines.vllm.process import ServerProcess, pid_file, sweep
from remote.engines.vllm.run_files import clear_run_files, llama_socket
from remote.paths import DaemonPaths
from remote.protocol import EngineLoad, EngineStage, LlamaSetup, Request

_log = logging.getLogger("llama.cpp")

_WHAT = "llama.cpp"
_LOADING = "loading weights"
_START_SECONDS = 1800.0
"""Time limit for a start. A start that fails ends much sooner by itself."""
_STEP = 0.1
_PAUSE_SECONDS = 30.0
_LONG_PAUSE_SECONDS = 300.0
"""Seconds to the next start when none can succeed until somebody mends the box."""
_MOST_WORDS = 150
"""Words about the frames. They take the place of vision tokens, of which there are always more."""
_ERROR = re.compile(r"[\d.]+ E \S+\s+(?:\S+: )?(?P<error>.+)")
"""An error in llama.cpp's log: "0.00.019.2 E srv    load_model: failed to load model"."""


class LlamaEngine:
    """Answers requests through a llama.cpp server that it starts and ends."""

    def __init__(
        self,
        setup: LlamaSetup,
        model: str,
        idle_timeout: float,
        runner: Path,
        paths: DaemonPaths,
        tell: Callable[[EngineStage], None],
        limits: Limits | None = None,
    ) -> None:
        """`model` is the path of a GGUF file, or empty for the small one; the file `runner` is this program.

        The first request starts the server, and `tell` gets its stages. Blocks; raises MissingError.
        """
        self._setup = setup
        self._model = model
        self._runner = runner
        self._paths = paths
        self._tell = tell
        self._limits = limits
        self._found = find_llama(setup, model)
        self._stage = ""
        handling = Handling(self._start, self._forget, self._sweep, self._clear)
        self._keeper = ServerKeeper(_WHAT, handling, idle_timeout)

    @property
    def name(self) -> str:
        """ "llama" and the version of xllamacpp."""
        return f"llama {self._found.version}"

    def serves(self) -> str:
        """A hash of the model's files. Blocks; raises EngineError when they are not there.

        A server goes on with the files that it has read, whatever is put in their place.
        """
        living = self._keeper.living
        if living is not None:
            return living.serves
        try:
            return weights_fingerprint(self._found)
        except OSError as error:
            raise EngineError(f"cannot read {error.filename}: {error.strerror}") from error

    @property
    def model(self) -> str:
        """The name of the small model, where the box's settings name none."""
        return "" if self._model else self._found.model.stem

    @property
    def notice(self) -> str:
        """How a model without eyes was told of the frames."""
        if self._found.mmproj is not None:
            return ""
        return (
            f"Written by the language model {self._found.model.stem}, which sees no pictures: the engine "
            "sketch measured the frames, and told it in words."
        )

    @property
    def slots(self) -> int:
        """Requests that the server works on at once."""
        return self._setup.slots

    @property
    def stage(self) -> str:
        """The server's stage."""
        return self._keeper.stage(self._stage or _LOADING)

    async def load(self) -> EngineLoad | None:
        """None: llama.cpp does not count its load as vLLM does."""
        return None

    async def context(self) -> int:
        """0: the server is started with the context length of the box's settings."""
        return 0

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        """What the server counts; None before it is ready."""
        running = self._keeper.running
        return None if running is None else await running.client.count_tokens(system, prompt)

    async def generate(self, request: Request, images: Sequence[bytes]) -> AsyncIterator[Piece]:
        """Answer one request; start the server first if none runs. Raises as `ServerKeeper.answer`.

        A model that sees no pictures is told in words what they show.
        """
        if len(images) != len(request.frames):
            raise BadRequest(f"{len(request.frames)} frames are named, {len(images)} pictures came")
        in_words = bool(images) and self._found.mmproj is None
        asked = await _in_words(request, images) if in_words else request
        async with aclosing(self._keeper.answer(asked, () if in_words else images)) as pieces:
            async for piece in pieces:
                if in_words and isinstance(piece, Completion):
                    # The app would take a count of words for one of pictures.
                    yield replace(piece, prompt_tokens=None)
                else:
                    yield piece

    async def close(self) -> None:
        """End the server and its whole process group, or the group that an earlier daemon left."""
        await self._keeper.close()

    async def _start(self) -> RunningServer:
        try:
            if await self._sweep():
                _log.warning("an earlier model server was left over; it was ended")
        except ContainerStaysError as error:
            raise EngineAway(str(error), _PAUSE_SECONDS) from error
        self._enter(_LOADING)
        socket, key = llama_socket(self._paths), secrets.token_urlsafe(24)
        try:
            self._found = await asyncio.to_thread(find_llama, self._setup, self._model)
            serves = await asyncio.to_thread(weights_fingerprint, self._found)
            name = self._model or self.model
            self._clear()
            command = serve_command(self._found, self._setup, name, self._runner, socket)
            _log.info("starting %s", " ".join(command))
            process = await ServerProcess.start(
                command, {**os.environ, KEY: key}, pid_file(self._paths), self._hear
            )
        except (OSError, MissingError) as error:
            raise EngineAway(str(error), _LONG_PAUSE_SECONDS, for_good=True) from error
        client = OpenAIEngine(
            Server("http://llama", str(socket), key), name, self.slots, self._limits
        )
        try:
            await _wait_until_ready(process, client)
            self._enter(READY)
        except (EngineError, BadRequest) as error:
            has_ended = process.returncode is not None
            was_killed = (process.returncode or 0) < 0
            # The log has been read to the end only after `stop`.
            await process.stop()
            verdict = f"{error} {_cause_of(process.lines)} ({self._found.model})"
            _log.error("%s", verdict)
            for_good = has_ended and not was_killed
            pause = _LONG_PAUSE_SECONDS if for_good else _PAUSE_SECONDS
            raise EngineAway(verdict, pause, for_good=for_good) from error
        except BaseException:
            await process.stop()
            raise
        return RunningServer(process, client, serves)

    async def _sweep(self) -> bool:
        return await sweep(pid_file(self._paths))

    def _forget(self) -> None:
        self._stage = ""

    def _clear(self) -> None:
        with contextlib.suppress(OSError):
            clear_run_files(self._paths)

    def _hear(self, line: str) -> None:
        if _ERROR.match(line):
            _log.error("%s", line)
        elif self._stage != READY:  # later, each request has several lines
            _log.info("%s", line)

    def _enter(self, stage: str) -> None:
        self._stage = stage
        self._tell(EngineStage(time.time(), stage))


async def _in_words(request: Request, images: Sequence[bytes]) -> Request:
    """Put words about the frames into the prompt, in their place."""
    seen = await describe_frames(request, images, _MOST_WORDS)
    told = f"What the video shows, as measured: {seen}"
    prompt = f"{request.prompt}\n\n{told}" if request.prompt.strip() else told
    return replace(request, prompt=prompt, frames=())


async def _wait_until_ready(process: ServerProcess, client: OpenAIEngine) -> None:
    """Wait for a first answer. Raises EngineError and BadRequest."""
    deadline = time.monotonic() + _START_SECONDS
    while not await client.is_healthy():
        if process.returncode is not None:
            code = process.returncode
            raise EngineError(f"llama.cpp ended while starting, with exit status {code}:")
        if time.monotonic() > deadline:
            raise EngineError("llama.cpp was not ready in time:")
        await asyncio.sleep(_STEP)
    await client.probe()


def _cause_of(lines: Sequence[str]) -> str:
    """Return the first error in the log, which says most, or else its last line."""
    for line in lines:
        if found := _ERROR.match(line):
            return found["error"]
    return lines[-1] if lines else ""
