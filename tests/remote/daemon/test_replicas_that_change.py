"""Apps hear of the replicas of an engine that has some, and may have them drained or started anew.

The daemon runs in this process, with an engine whose replicas a test sets.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from remote.daemon import daemon as daemon_module
from remote.daemon import telemetry
from remote.daemon.daemon import Daemon
from remote.paths import DaemonPaths
from remote.protocol import (
    DRAIN,
    NEWEST_PROTOCOL,
    ChangeReplica,
    EngineStage,
    Hello,
    ReplicaChanged,
    ReplicaStatus,
    Setup,
    Status,
    encode,
)
from tests.remote.attached import BOUND
from tests.remote.daemon.test_slots_that_change import messages_of
from tests.support.near_box import PatientEngine


class ReplicatedEngine(PatientEngine):
    """An engine with two replicas."""

    replicas = (ReplicaStatus("0", "ready", "", "a", "0", 4, 3), ReplicaStatus("1", "starting"))

    async def change_replica(self, name: str, change: str) -> str:
        if name != "0":
            return f"there is no replica {name}"
        self.replicas = (ReplicaStatus("0", f"{change}ing", "", "a", "0", 4, 3), *self.replicas[1:])
        return ""


@contextlib.asynccontextmanager
async def heard(
    engine: PatientEngine, folder: Path, monkeypatch: pytest.MonkeyPatch, *asked: ChangeReplica
) -> AsyncIterator[AsyncIterator[object]]:
    """What an app hears that asks for this of a daemon with this engine."""
    monkeypatch.setattr(telemetry, "_PERIOD", 0.02)
    (folder / "images").mkdir()

    def make(_setup: Setup, _paths: DaemonPaths, _tell: Callable[[EngineStage], None]) -> object:
        return engine

    monkeypatch.setattr(daemon_module, "make_engine", make)
    paths = DaemonPaths(folder, folder, "key")
    daemon = Daemon(paths, Setup(str(folder), "sketch", "", 60.0), "r")
    ready = asyncio.Event()
    running = asyncio.create_task(daemon.run(ready.set))
    await ready.wait()
    reader, writer = await asyncio.open_unix_connection(paths.socket)
    try:
        writer.write(encode(Hello(1, NEWEST_PROTOCOL, "", 0, "", "")))
        writer.write(b"".join(map(encode, asked)))
        async with asyncio.timeout(BOUND):
            yield messages_of(reader)
    finally:
        writer.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_status_tells_each_replica_and_a_change_is_answered_and_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ReplicatedEngine(8)
    asked = (ChangeReplica(1, "7", DRAIN), ChangeReplica(2, "0", DRAIN))
    async with heard(engine, tmp_path, monkeypatch, *asked) as messages:
        answers: list[ReplicaChanged] = []
        async for message in messages:
            if isinstance(message, ReplicaChanged):
                answers.append(message)
            elif isinstance(message, Status) and len(answers) == 2:
                assert message.replicas == engine.replicas
                break
    assert answers == [ReplicaChanged(1, "there is no replica 7"), ReplicaChanged(2, "")]
    assert engine.replicas[0].state == "draining"


async def test_an_engine_without_replicas_has_nothing_to_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ChangeReplica(1, "0", DRAIN)
    refusal = "the engine sketch has no replicas that can be changed"
    async with heard(PatientEngine(1), tmp_path, monkeypatch, asked) as messages:
        async for message in messages:
            assert not isinstance(message, Status) or message.replicas == ()
            if isinstance(message, ReplicaChanged):
                assert message == ReplicaChanged(1, refusal)
                break
