"""The inside of a replica: one of our engines, in a folder of its node, for the driver of the cluster.

It knows nothing of Ray; `replica` has the actor around it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from remote.engines import (
    BadRequest,
    Completion,
    Engine,
    EngineAway,
    EngineError,
    EngineGone,
    EngineReplaced,
    Hold,
    Piece,
    Usage,
)
from remote.engines.catalog import NoEngineError, make_engine
from remote.engines.fingerprint import fingerprint
from remote.engines.ray import messages as told
from remote.engines.ray.guard import start_guard
from remote.engines.ray.messages import (
    AWAY,
    BAD,
    FAILED,
    GONE,
    REPLACED,
    Done,
    Held,
    Load,
    News,
    Text,
    Trouble,
    to_text,
)
from remote.engines.ray.places import Place, take_place
from remote.engines.ray.replica_set import Phase, gpus_of_replica
from remote.engines.ray.unsaid import Unsaid
from remote.engines.vllm import VllmEngine
from remote.engines.vllm.docker_run import is_container
from remote.files import write_whole
from remote.paths import FolderError
from remote.protocol import EngineStage, Request, Setup

_HEAR_SECONDS = 20.0
"""Seconds after which a driver that listens is told that there is nothing new."""
_LOOK_SECONDS = 1.0
"""Seconds between two looks at the own engine."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds until a server that is away is asked again, or a killed one is started; each time twice as long."""
_PAUSE = 30.0
_LEASE_SECONDS = 90.0
"""A replica that no driver has asked for so long ends: nobody can reach it, and its GPU is needed."""
_FOR_EVER = 1e9
_WATCH_SECONDS = 0.5


class ReplicaHost:
    """Holds one engine and answers for it. Make one inside its event loop."""

    def __init__(self, setup: Setup, runner: bytes) -> None:
        """`setup` is that of the box; `runner` is the file that the guard runs."""
        assert setup.ray is not None  # noqa: S101 - for mypy
        self._setup = _setup_of_replica(setup)
        self._has_gpus = gpus_of_replica(setup) > 0
        self._runner = runner
        self._place: Place | None = None
        self._guard: int | None = None
        self._engine: Engine | None = None
        self._serves = ""
        self._context = 0
        self._state = Phase.STARTING
        self._detail = "starting"
        self._retry_at = 0.0
        self._for_good = False
        self._pause = _FIRST_PAUSE
        self._asked = time.monotonic()
        self._answers: dict[int, asyncio.Task[Done | Trouble]] = {}
        self._unsaid = Unsaid()
        self._is_closing = False
        self._keeping = asyncio.create_task(self._keep())

    async def look(self) -> str:
        """Say how it is, as a `News`."""
        self._asked = time.monotonic()
        engine = self._engine
        news = News(
            node=socket.gethostname(),
            state=self._state.value,
            detail=self._detail,
            serves=self._serves,
            slots=engine.slots if engine else 0,
            name=engine.name if engine else "",
            model=engine.model if engine else "",
            context=self._context,
            stage=engine.stage if engine else "",
            retry_after=max(self._retry_at - time.monotonic(), 0.0),
            for_good=self._for_good,
            gpus=os.environ.get("CUDA_VISIBLE_DEVICES", "") if self._has_gpus else "",
        )
        return to_text(news)

    async def generate(
        self, number: int, request: Request, images: Sequence[bytes]
    ) -> tuple[int, str]:
        """Answer a request. Returns how many pieces of the answer `hear` has told or is telling, and those
        that come after them, each a line; a Done or a Trouble is the last.
        """
        engine = self._engine
        if engine is None or self._is_closing:
            return 0, to_text(Trouble(number, AWAY, self._detail))
        task = asyncio.create_task(self._write(engine, number, request, images))
        self._answers[number] = task
        try:
            await asyncio.wait([task])
        finally:
            self._answers.pop(number, None)
            task.cancel()
        cancelled = Trouble(number, FAILED, "cancelled")
        said, pieces = self._unsaid.end(cancelled if task.cancelled() else task.result())
        return said, _lines(pieces)

    async def hear(self) -> str:
        """Say what has come of all answers since it was asked last, as soon as there is something: each piece
        a line. Returns nothing after some time without anything.
        """
        return _lines(await self._unsaid.take(_HEAR_SECONDS))

    async def drop(self, number: int) -> None:
        """Cancel a request."""
        task = self._answers.get(number)
        if task is not None:
            task.cancel()

    async def load(self) -> str:
        """The engine's load, as a `Load`."""
        return to_text(Load(0, await self._engine.load() if self._engine else None))

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        """As `Engine.count_tokens`."""
        return await self._engine.count_tokens(system, prompt) if self._engine else None

    async def close(self) -> None:
        """End the engine and its processes."""
        self._is_closing = True
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        for task in list(self._answers.values()):
            task.cancel()
        if self._engine is not None:
            await self._engine.close()
        if self._guard is not None:
            os.close(self._guard)  # there is nothing left to be ended
            self._guard = None

    def watch(self, end: threading.Event) -> None:
        """End this process when its parent has, or when no driver asks any more. Blocks until `end`.

        A raylet that is killed leaves its actors alone for more than a minute.
        """
        parent = os.getppid()
        while not end.wait(_WATCH_SECONDS):
            if os.getppid() != parent or time.monotonic() - self._asked > _LEASE_SECONDS:
                os._exit(1)

    async def _write(
        self, engine: Engine, number: int, request: Request, images: Sequence[bytes]
    ) -> Done | Trouble:
        """Let the engine answer, and return how that has ended."""
        end: Done | None = None
        try:
            async with aclosing(_generator(engine.generate(request, images))) as pieces:
                async for piece in pieces:
                    self._pause = _FIRST_PAUSE
                    if isinstance(piece, Completion):
                        usage = (piece.prompt_tokens, piece.completion_tokens)
                        end = Done(number, piece.finish_reason, *usage)
                    elif isinstance(piece, Hold):
                        self._unsaid.add(Held(number, piece.seconds, piece.reason))
                    else:
                        self._unsaid.add(Text(number, piece))
            trouble = Trouble(number, FAILED, "the answer broke off")
        except Exception as error:  # noqa: BLE001 - told to the daemon
            trouble = self._trouble_of(number, error)
        return end or trouble

    def _trouble_of(self, number: int, error: Exception) -> Trouble:
        """Say why a request has no answer."""
        words = str(error)
        match error:
            case EngineReplaced():
                return Trouble(number, REPLACED, words)
            case BadRequest():
                return _with_usage(Trouble(number, BAD, words), error.usage)
            case EngineAway():
                self._note_away(error)
                kind = GONE if error.died else AWAY
                trouble = Trouble(number, kind, words, error.retry_after, error.for_good)
                return _with_usage(trouble, error.usage)
            case EngineGone():
                return _with_usage(Trouble(number, GONE, words), error.usage)
            case EngineError():
                return _with_usage(Trouble(number, FAILED, words), error.usage)
        return Trouble(number, FAILED, f"{type(error).__name__}: {words}")

    def _note_away(self, error: EngineAway) -> None:
        """The engine's server is away or has died: take no request until it may be there again."""
        if isinstance(self._engine, VllmEngine):
            # Its server is started again at the next look.
            self._enter(Phase.STARTING, "the model server has died; it is started again")
            return
        pause = max(self._pause, error.retry_after or 0.0)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self._enter(Phase.AWAY, str(error).partition("\n")[0], pause, error.for_good)

    def _enter(self, state: Phase, detail: str, pause: float = 0.0, for_good: bool = False) -> None:
        self._state, self._detail, self._for_good = state, detail, for_good
        self._retry_at = time.monotonic() + pause

    async def _keep(self) -> None:
        """Make the engine ready, and again whenever it is not."""
        while True:
            pause = _LOOK_SECONDS
            try:
                await self._make_ready()
            except FolderError as error:
                self._enter(Phase.FAILED, str(error), _PAUSE)
                pause = _PAUSE
            except NoEngineError as error:
                self._enter(Phase.FAILED, str(error), _PAUSE, for_good=True)
                pause = _PAUSE
            except (EngineError, OSError, BadRequest) as error:
                away = error if isinstance(error, EngineAway) else None
                pause = self._pause_after(away)
                words = _full_disk_words(error, self._setup.root) or str(error).partition("\n")[0]
                self._enter(Phase.FAILED, words, pause, bool(away and away.for_good))
            await asyncio.sleep(pause)

    def _pause_after(self, away: EngineAway | None) -> float:
        """Seconds until the next try after one that failed."""
        if away is None:
            return _PAUSE
        if away.retry_after is not None:
            return away.retry_after
        # Nothing speaks against another start at once: as a rule, something has killed the server.
        pause = self._pause
        self._pause = min(2 * pause, _LONGEST_PAUSE)
        return pause

    async def _make_ready(self) -> None:
        engine = self._engine
        if engine is None:
            engine = await self._make_engine()
        if reason := await asyncio.to_thread(_why_no_model, self._setup):
            raise EngineAway(reason, _PAUSE)
        if not self._serves:
            self._serves = await self._learn(engine)
        if isinstance(engine, VllmEngine):
            if engine.stage != "ready":
                self._enter(Phase.STARTING, "the model server starts")
            await engine.prepare()
        elif self._state is Phase.AWAY and time.monotonic() < self._retry_at:
            return
        self._context = await engine.context()
        self._enter(Phase.READY, "")

    async def _make_engine(self) -> Engine:
        if self._place is None:
            self._place = await asyncio.to_thread(take_place, self._setup.root)
        if self._setup.engine == "vllm" and self._guard is None:
            file = self._place.paths.state / "runner.pyz"
            await asyncio.to_thread(_write_if_other, file, self._runner)
            self._guard = await asyncio.to_thread(start_guard, file, self._place)
        self._engine = make_engine(self._setup, self._place.paths, self._hear_stage)
        return self._engine

    async def _learn(self, engine: Engine) -> str:
        serves = await asyncio.to_thread(engine.serves)
        openai = self._setup.openai
        if self._setup.engine == "openai" and openai is not None:
            # Each node has a server of its own behind an address that may be the same everywhere.
            model = engine.model or self._setup.model
            return fingerprint("openai", ["ray", openai.base_url, model])
        return serves

    def _hear_stage(self, stage: EngineStage) -> None:
        if self._state is Phase.STARTING:
            self._detail = stage.stage


def _lines(pieces: Sequence[told.Piece]) -> str:
    return "\n".join(map(to_text, pieces))


async def _generator(pieces: AsyncIterator[Piece]) -> AsyncGenerator[Piece, None]:
    """The same pieces from something that can be closed."""
    try:
        async for piece in pieces:
            yield piece
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


def _with_usage(trouble: Trouble, usage: Usage | None) -> Trouble:
    if usage is None:
        return trouble
    return replace(
        trouble, prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens
    )


def _setup_of_replica(setup: Setup) -> Setup:
    """The setup of the engine inside: Ray chooses the GPUs, and the daemon says when to give them back."""
    vllm = setup.vllm
    return replace(
        setup,
        engine=setup.answering,
        ray=None,
        vllm=vllm and replace(vllm, cuda_visible_devices=""),
        idle_timeout=_FOR_EVER,
    )


def _why_no_model(setup: Setup) -> str:
    """Say that the model's folder is not on this node; empty where it is there, or is no folder of the node.

    Without this, the node would be refused because it serves something else than the others.
    """
    model, vllm = setup.model, setup.vllm
    if setup.engine != "vllm" or vllm is None or not model.startswith(("/", "~", ".")):
        return ""
    # A container has its own folders.
    if is_container(vllm.command) or Path(model).expanduser().exists():
        return ""
    return f"{model} is not there. Put the model at the same path, or let all nodes see one disk"


def _full_disk_words(error: Exception, root: str) -> str:
    """Say that this node has no room, if that is the error; otherwise nothing."""
    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return ""
    return (
        f"no room on the disk with {root}. Make room on that node; it is looked at again by itself"
    )


def _write_if_other(file: Path, data: bytes) -> None:
    with contextlib.suppress(OSError):
        if file.read_bytes() == data:
            return
    write_whole(file, [data])
