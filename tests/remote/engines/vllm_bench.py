"""A bench for the engine `vllm`: engines whose server is a stand-in, while its processes are real."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from remote.engines import Completion, EngineAway, EngineError, Piece
from remote.engines.openai import Limits
from remote.engines.vllm import VllmEngine
from remote.paths import DaemonPaths, make_daemon_paths
from remote.protocol import EngineStage, VllmSetup
from tests.remote.engines import vllm_stand_in
from tests.remote.engines.openai_asking import MODEL, pieces_of, request
from tests.remote.engines.test_vllm_process import is_alive
from tests.support.waiting import until

ANSWER = ["Dusk", ".", Completion("stop", 9, 2)]


def stand_in_setup(folder: Path, devices: str = "", *env: str) -> VllmSetup:
    """The settings of a box whose vLLM is the stand-in, with its orders and notes in this folder."""
    return VllmSetup(
        command=(sys.executable, vllm_stand_in.__file__),
        format="auto",
        max_model_len=4096,
        max_num_seqs=4,
        images=2,
        tensor_parallel_size=1,
        gpu_memory_utilization=0.9,
        cuda_visible_devices=devices,
        env=(f"{vllm_stand_in.FOLDER}={folder}", *env),
    )


class Bench:
    """Engines, one after the other, on one box, and what their servers noted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place: DaemonPaths = make_daemon_paths(str(folder / "root"), folder / "run")
        self.stages: list[str] = []
        self.setup = stand_in_setup(folder, "1,3", "HF_HOME=/data/hf=x")

    def order(self, **orders: object) -> None:
        """What the server is to do from now on."""
        file = self.folder / "orders.new"
        file.write_text(json.dumps(orders))
        file.replace(self.folder / "orders")

    def engine(
        self, idle_timeout: float = 60.0, silence: float = 30.0, model: str = MODEL
    ) -> VllmEngine:
        limits = Limits(connect=10.0, first=silence, between=silence, question=1.0)
        return VllmEngine(self.setup, model, idle_timeout, self.place, self.hear, limits)

    def hear(self, stage: EngineStage) -> None:
        self.stages.append(stage.stage)

    @property
    def starts(self) -> list[dict[str, Any]]:
        """What each server that was started noted, in order."""
        return [json.loads(file.read_text()) for file in sorted(self.folder.glob("start-*"))]

    @property
    def alive(self) -> list[int]:
        pids = [start[which] for start in self.starts for which in ("pid", "child")]
        return [pid for pid in pids if is_alive(pid)]


@contextlib.asynccontextmanager
async def closing(made: VllmEngine) -> AsyncIterator[VllmEngine]:
    try:
        yield made
    finally:
        await made.close()


async def failure_of(made: VllmEngine) -> str:
    with pytest.raises(EngineError) as caught:
        await pieces_of(made)
    return str(caught.value)


async def away_of(made: VllmEngine) -> EngineAway:
    """How the engine says that its server is away."""
    with pytest.raises(EngineAway) as caught:
        await pieces_of(made)
    return caught.value


async def begun(made: VllmEngine) -> asyncio.Task[None]:
    """A request that the server is answering: its first piece has come."""
    pieces: list[Piece] = []

    async def collect() -> None:
        async for piece in made.generate(request(), ()):
            pieces.append(piece)

    asking = asyncio.create_task(collect())
    await until(lambda: pieces or asking.done())
    return asking
