"""The engine `ray`: a driver process keeps replicas of another engine on the nodes of a Ray cluster."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from remote.engines import EngineAway, Piece, require_engine
from remote.engines.on_demand import Lifecycle, OnDemand
from remote.engines.ray.bounded import bounded
from remote.engines.ray.link import DriverLink, driver_note, driver_socket
from remote.engines.ray.messages import ReplicaSetState
from remote.engines.sketch.engine import NOTICE
from remote.engines.unbroken import run_unbroken
from remote.engines.vllm.container import ContainerStaysError
from remote.engines.vllm.process import sweep
from remote.files import write_whole
from remote.paths import DaemonPaths
from remote.protocol import (
    SERVING,
    EngineLoad,
    EngineStage,
    ProtocolError,
    ReplicaStatus,
    Request,
    Setup,
    parse,
)

_log = logging.getLogger("ray")

_LEARN_SECONDS = 45.0
"""Seconds to wait for the first replica when an app wants to know what the box serves."""
_SKETCH_SLOTS = 4


@dataclass(frozen=True)
class _Memory:
    """What the replicas of a setup have told last, for an app that attaches while none runs."""

    setup: str
    serves: str
    name: str
    model: str
    context: int


class RayEngine:
    """Answers requests through the replicas of a cluster. Make one inside its event loop.

    Driver and replicas are started by the first request, and ended after `idle_timeout` without any.
    """

    def __init__(
        self,
        setup: Setup,
        runner: Path,
        paths: DaemonPaths,
        tell: Callable[[EngineStage], None],
    ) -> None:
        """`runner` is the file that a driver runs; `tell` gets the stages, and so learns of other slots."""
        self._setup = setup
        self._runner = runner
        self._paths = paths
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._file = paths.state / "ray-served.json"
        self._memory = _read_memory(self._file, setup)
        life = Lifecycle(
            self._start,
            _is_alive,
            _end,
            self._end_leftovers,
            note_given_back=lambda: self._tell_stage("idle"),
        )
        self._driver = OnDemand(
            life, setup.idle_timeout, _log, "the driver of Ray has gone", "all replicas"
        )
        self._changed = asyncio.Event()
        self._has_failed = False
        self._told: tuple[str, int] | None = None
        """The stage and the slots that were told last."""

    @property
    def name(self) -> str:
        """ "ray 2.60.0 · vllm 0.32.0", once both are known."""
        link, memory = self._driver.running, self._memory
        if link is not None and link.joined is not None and link.replicas and link.replicas.name:
            return f"ray {link.joined.ray} · {link.replicas.name}"
        return memory.name if memory else "ray"

    def serves(self) -> str:
        """What the replicas agree on, or did when they ran last. Raises EngineAway when nobody knows."""
        return asyncio.run_coroutine_threadsafe(self._learn(), self._loop).result()

    @property
    def model(self) -> str:
        """The model that the servers of the replicas had when they were asked last."""
        replicas = self._known
        if replicas is not None and replicas.serves:
            return replicas.model
        return self._memory.model if self._memory else ""

    @property
    def notice(self) -> str:
        """That of the engine sketch; nothing for a language model."""
        return NOTICE if self._setup.answering == "sketch" else ""

    @property
    def slots(self) -> int:
        """Those of the replicas that answer; those of one, while none does."""
        replicas = self._known
        return (replicas.slots if replicas else 0) or self._slots_each

    @property
    def stage(self) -> str:
        """How many replicas answer, or the stage of the first one that starts."""
        link = self._driver.living
        if link is None:
            if self._driver.is_starting:
                return "starting"
            given_back = "idle" if self._driver.was_given_back else "not started"
            return "failed" if self._has_failed else given_back
        replicas = link.replicas
        if replicas is None:
            return "starting"
        ready = sum(it.state == "ready" for it in replicas.each)
        if not ready:
            return replicas.stage or "starting"
        nodes = "1 node" if replicas.nodes == 1 else f"{replicas.nodes} nodes"
        return f"{SERVING}{ready} of {len(replicas.each)} replicas · {nodes}"

    @property
    def replicas(self) -> tuple[ReplicaStatus, ...]:
        """All of them, as the driver told them last."""
        return tuple(
            ReplicaStatus(
                str(it.number),
                it.state,
                it.detail,
                it.node,
                it.gpus,
                it.slots,
                it.in_flight,
                it.restarts,
            )
            for it in (self._known.each if self._known else ())
        )

    async def change_replica(self, name: str, change: str) -> str:
        """Ask the driver for that."""
        link = self._driver.living
        if link is None or link.replicas is None:
            return "no replica runs: they start when there is work"
        return await link.change_replica(name, change)

    async def load(self) -> EngineLoad | None:
        """The load of all replicas together; None before one answers."""
        link = self._driver.living
        if link is None or not link.replicas or not link.replicas.slots:
            return None
        return await link.load()

    async def context(self) -> int:
        """What the servers of the replicas tell, or told last; 0 when they never did."""
        replicas = self._known
        if replicas is not None and replicas.context:
            return replicas.context
        return self._memory.context if self._memory else 0

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        """As a replica counts them; None while none answers."""
        link = self._driver.living
        if link is None or not link.replicas or not link.replicas.slots:
            return None
        return await link.count_tokens(system, prompt)

    async def generate(self, request: Request, images: Sequence[bytes]) -> AsyncIterator[Piece]:
        """Answer one request by a replica; start the driver first if none runs. Raises as `Engine` says."""
        with self._driver.in_use():
            link = await self._ensure_driver()
            if link.replicas is not None and link.replicas.serves:
                require_engine(request, link.replicas.serves)
            async for piece in link.generate(request, images):
                yield piece

    async def close(self) -> None:
        """End the replicas and the driver, or what an earlier daemon left of them, as `OnDemand.close`."""
        await self._driver.close()

    @property
    def _known(self) -> ReplicaSetState | None:
        link = self._driver.living
        return None if link is None else link.replicas

    @property
    def _slots_each(self) -> int:
        setup = self._setup
        if setup.answering == "vllm" and setup.vllm is not None:
            return setup.vllm.max_num_seqs
        if setup.answering == "openai" and setup.openai is not None:
            return setup.openai.slots
        return _SKETCH_SLOTS

    async def _learn(self) -> str:
        replicas = self._known
        if replicas is not None and replicas.serves:
            return replicas.serves
        if self._memory is not None:
            return self._memory.serves
        with self._driver.in_use():  # a start that somebody waits for is no idle time
            return await self._learn_of_driver()

    async def _learn_of_driver(self) -> str:
        deadline = time.monotonic() + _LEARN_SECONDS
        link = await self._ensure_driver()
        while time.monotonic() < deadline:
            if link.failure is not None:
                raise EngineAway(
                    str(link.failure), link.failure.retry_after, for_good=link.failure.for_good
                )
            if link.replicas is not None and link.replicas.serves:
                return link.replicas.serves
            if link.replicas is not None and link.replicas.trouble:
                raise EngineAway(link.replicas.trouble, 5.0)
            self._changed.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await bounded(self._changed.wait(), 1.0)
        details = [it.detail for it in link.replicas.each if it.detail] if link.replicas else []
        raise EngineAway(f"no replica has started yet{f': {details[0]}' if details else ''}", 5.0)

    async def _ensure_driver(self) -> DriverLink:
        """Return the driver that works, and start one if there is none. Raises EngineAway."""
        if self._driver.has_gone:
            self._has_failed = True
        return await self._driver.ensure()

    async def _start(self) -> DriverLink:
        await end_leftover_driver(self._paths)
        self._tell_stage("starting")
        return await DriverLink.start(self._setup, self._runner, self._paths, self._hear_change)

    async def _end_leftovers(self) -> None:
        await end_leftover_driver(self._paths)
        self._changed.set()

    def _hear_change(self) -> None:
        """Something of the driver has changed: tell it, and keep what the replicas serve."""
        self._changed.set()
        link = self._driver.running
        if link is None:
            return
        replicas = link.replicas
        if replicas is not None and replicas.slots:
            self._has_failed = False
            self._remember(replicas)
        self._tell_stage(self.stage)

    def _tell_stage(self, stage: str) -> None:
        told = (stage, self.slots)
        if told != self._told:
            self._told = told
            self._tell(EngineStage(time.time(), stage))

    def _remember(self, replicas: ReplicaSetState) -> None:
        memory = _Memory(
            self._setup.fingerprint(), replicas.serves, self.name, replicas.model, replicas.context
        )
        if memory == self._memory:
            return
        self._memory = memory
        with contextlib.suppress(OSError):  # without it, an app that attaches waits for a replica
            write_whole(self._file, [json.dumps(asdict(memory)).encode()])


def _is_alive(link: DriverLink) -> bool:
    return link.failure is None


async def _end(link: DriverLink | None) -> None:
    if link is not None:
        await link.end()


async def end_leftover_driver(paths: DaemonPaths) -> None:
    """End the driver that a killed daemon left; its replicas end by themselves. A cancel does not break it
    off.
    """
    try:
        if await run_unbroken(sweep(driver_note(paths))):
            _log.warning("an earlier driver of Ray was left over; it was ended")
        driver_socket(paths).unlink(missing_ok=True)
    except (ContainerStaysError, OSError) as error:
        _log.error("an earlier driver of Ray may be left over: %s", error)


def _read_memory(file: Path, setup: Setup) -> _Memory | None:
    try:
        memory = parse(_Memory, json.loads(file.read_text()))
    except (OSError, ValueError, ProtocolError):
        return None
    return memory if memory.setup == setup.fingerprint() else None
