"""A box on a Ray cluster, or without one, for `benchmarks.cluster`: starts it, gives it batches, and counts.

The box is asked at its daemon's socket, by the relay that SSH would start.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.box.links.runner import build_runner
from benchmarks import cpu
from remote.protocol import (
    SERVING,
    Answer,
    EngineStage,
    Failed,
    Finished,
    FrameInfo,
    Patience,
    Ping,
    Refused,
    Request,
    Sampling,
    Setup,
    Started,
    Status,
    Stop,
    Submit,
)
from tests.remote.attached import App, Box, submit
from tests.support.daemons import end_daemons
from tests.support.ray_clusters import RayNodes

_READY_SECONDS = 300.0
_BATCH_SECONDS = 600.0
_END_SECONDS = 60.0
_PING_SECONDS = 20.0
_FOR_EVER = 1e6
_PATIENCE = Patience(120.0, 60.0)
_SIDE = 1000
"""Pixels of a picture's side, as a request says; nothing here reads the picture."""

Costs = dict[str, float]
"""Seconds of processor time, by the part of the box that took them."""


@dataclass(frozen=True, slots=True)
class Lap:
    """One batch."""

    answers: tuple[Answer, ...]
    costs: Costs
    idle: float
    """The share of the machine's processors that nobody used."""
    load: float
    """The machine's load average (1 min) at its end."""

    @property
    def seconds(self) -> float:
        """From the first request's being given to the engine to the last answer's end, by the box's clock."""
        ended = max(answer.ended for answer in self.answers)
        return ended - min(answer.started for answer in self.answers)

    @property
    def pace(self) -> float:
        """Answers a second."""
        return len(self.answers) / self.seconds

    @property
    def token_pace(self) -> float:
        """Tokens of answers a second, as the model server counted them."""
        return sum(answer.completion_tokens or 0 for answer in self.answers) / self.seconds

    @property
    def cost(self) -> float:
        """Seconds of processor time of all parts for one answer."""
        return sum(self.costs.values()) / len(self.answers)


class BenchBox:
    """A box that is ready, and the app that asks it. Use `bench_box`."""

    def __init__(self, box: Box, app: App, cluster: RayNodes | None, server: int | None) -> None:
        """`server` is the process of the model server, if it is to be counted."""
        self._box = box
        self._app = app
        self._cluster = cluster
        self._server = server
        self._batches = 0

    async def until_ready(self, replicas: int) -> None:
        """Wait until all replicas answer. Raises TimeoutError."""
        wanted = f"{SERVING}{replicas} of {replicas} replicas"
        async with asyncio.timeout(_READY_SECONDS):
            while True:
                message = await self._app.next()
                if isinstance(message, (Status, EngineStage)) and message.stage.startswith(wanted):
                    return

    async def batch(
        self,
        jobs: int,
        pictures: Sequence[Sequence[bytes]] = (),
        *,
        tokens: int = 300,
        disturb: Callable[[], None] | None = None,
    ) -> Lap:
        """Have so many prompts answered, each with its pictures if there are any.

        `disturb` is called once, when half of the jobs have begun.
        """
        self._batches += 1
        wanted = [self._job(n, pictures[n] if pictures else (), tokens) for n in range(jobs)]
        costs, idle, begun = self._costs(), cpu.of_nobody(), time.monotonic()
        sending = asyncio.create_task(self._app.send(*wanted))
        try:
            async with asyncio.timeout(_BATCH_SECONDS):
                answers = await self._answers({it.job for it in wanted}, disturb)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        seconds = time.monotonic() - begun
        return Lap(
            tuple(answers),
            _between(costs, self._costs()),
            (cpu.of_nobody() - idle) / seconds / (os.cpu_count() or 1),
            os.getloadavg()[0],
        )

    async def rest(self, seconds: float) -> Costs:
        """Do nothing for so long. Returns what that costs a second."""
        before = self._costs()
        await asyncio.sleep(seconds)
        return {part: cost / seconds for part, cost in _between(before, self._costs()).items()}

    def _job(self, number: int, pictures: Sequence[bytes], tokens: int) -> Submit:
        assert self._app.welcome is not None  # noqa: S101 - it was visited
        frames = tuple(
            FrameInfo(hashlib.sha256(it).hexdigest(), _SIDE, _SIDE, float(n))
            for n, it in enumerate(pictures)
        )
        prompt = f"scene {number} of batch {self._batches}"
        model, serves = self._box.setup.model, self._app.welcome.serves
        sampling = Sampling(0.6, tokens, seed=1)
        return submit(
            Request("transfer1", model, "", prompt, frames, sampling, engine=serves), pictures
        )

    async def _answers(self, jobs: set[str], disturb: Callable[[], None] | None) -> list[Answer]:
        answers: dict[str, Answer] = {}
        begun: set[str] = set()
        while len(answers) < len(jobs):
            message = await self._app.next()
            if isinstance(message, (Failed, Refused)):
                raise SystemExit(f"a job has failed: {message}")
            if isinstance(message, Started):
                begun.add(message.job)
            if isinstance(message, Finished) and message.job in jobs:
                answers[message.job] = message.answer
            if disturb is not None and len(begun) >= len(jobs) / 2:
                disturb()
                disturb = None
        return list(answers.values())

    def _costs(self) -> Costs:
        """What each part has taken until now."""
        found = {"daemon": cpu.of_processes(self._box.daemons())}
        if self._server is not None:
            found["model server"] = cpu.of_processes([self._server])
        note = self._box.place.state / "ray.json"
        if self._cluster is not None and note.exists():
            replicas = self._cluster.replicas
            found["driver"] = cpu.of_group(json.loads(note.read_text())["group"])
            found["replicas"] = cpu.of_processes(replicas)
            found["Ray"] = cpu.of_processes(set(self._cluster.processes) - set(replicas))
        return found


@contextlib.asynccontextmanager
async def bench_box(
    folder: Path, setup: Setup, cluster: RayNodes | None = None, server: int | None = None
) -> AsyncIterator[BenchBox]:
    """A box with these settings, whose root is below this folder, once it says what it serves.

    It has ended after the block, with all that it has started.
    """
    box = await asyncio.to_thread(_new_box, folder, setup)
    try:
        async with box.visited() as app, asyncio.TaskGroup() as tasks:
            pinging = tasks.create_task(_ping(app))
            yield BenchBox(box, app, cluster, server)
            pinging.cancel()
            await app.send(Stop(only_idle=False))
            await app.hung_up()
    finally:
        box.kill()
        if cluster is not None:
            await _until_ended(cluster)
        end_daemons(folder)


def _new_box(folder: Path, setup: Setup) -> Box:
    folder.mkdir()
    runner = build_runner()
    file = folder / runner.name
    file.write_bytes(runner.data)
    return Box(file, runner.hash, setup, sys.executable).with_setup(
        root=str(folder / "root"), idle_timeout=_FOR_EVER, patience=_PATIENCE
    )


async def _ping(app: App) -> None:
    """Keep the box from hanging up on an app that has nothing to say."""
    while True:
        await asyncio.sleep(_PING_SECONDS)
        await app.send(Ping(0))


async def _until_ended(cluster: RayNodes) -> None:
    deadline = time.monotonic() + _END_SECONDS
    while cluster.replicas and time.monotonic() < deadline:  # noqa: ASYNC110 - of processes
        await asyncio.sleep(0.1)


def _between(before: Costs, after: Costs) -> Costs:
    return {part: cost - before.get(part, 0.0) for part, cost in after.items()}
