"""The inside of a replica, without Ray: how its engine is kept ready."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from remote.engines.ray.hosting import ReplicaHost
from remote.engines.ray.messages import News, from_text
from remote.engines.ray.replica_set import Phase
from remote.paths import make_daemon_paths
from remote.protocol import RaySetup, Setup, VllmSetup
from tests.faults import engine as stand_in
from tests.support.waiting import PATIENCE

_KILLED_AT_FIRST = """
import os, pathlib, signal, sys
first = pathlib.Path(sys.argv[1])
if not first.exists():
    first.touch()
    os.kill(os.getpid(), signal.SIGKILL)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
_SOON = 5.0


async def test_a_model_server_that_is_killed_as_it_starts_is_started_again_soon(
    tmp_path: Path, compiled_runner: bytes
) -> None:
    script, root = tmp_path / "killed_at_first.py", tmp_path / "root"
    script.write_text(_KILLED_AT_FIRST)
    setup = Setup(
        str(root), "ray", "m", 60.0,
        vllm=VllmSetup(
            command=(sys.executable, str(script), str(tmp_path / "first"), stand_in.__file__),
            format="auto", max_model_len=4096, max_num_seqs=4, images=2,
            tensor_parallel_size=1, gpu_memory_utilization=0.9,
            env=(f"{stand_in.LOG}={tmp_path / 'account'}",),
        ),
        ray=RaySetup("auto", 1, "vllm", sys.executable),
    )  # fmt: skip
    host = ReplicaHost(setup, compiled_runner)
    pauses = []
    try:
        async with asyncio.timeout(PATIENCE):
            while (news := await _look(host)).state != Phase.READY.value:
                if news.state == Phase.FAILED.value:
                    pauses.append(news.retry_after)
                await asyncio.sleep(0.01)
    finally:
        await host.close()
        for folder in (root / "replicas").glob("*"):
            make_daemon_paths(str(folder)).lock.unlink(missing_ok=True)
    assert pauses
    assert max(pauses) < _SOON


async def _look(host: ReplicaHost) -> News:
    news = from_text(await host.look())
    assert isinstance(news, News)
    return news
