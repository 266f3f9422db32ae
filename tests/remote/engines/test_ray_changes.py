"""A real daemon with a real Ray cluster: one replica is drained and another one started anew in mid-batch."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from remote.protocol import (
    DRAIN,
    RESTART,
    ChangeReplica,
    Failed,
    Finished,
    ReplicaChanged,
    ReplicaStatus,
    Status,
)
from tests.remote.attached import App
from tests.remote.conftest import MakeBox
from tests.remote.engines.ray_bench import SLOTS, check, job, ray_bench, stop
from tests.support.ray_clusters import ray_cluster

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

_PATIENCE = 120.0
_JOBS = 24


async def test_every_job_comes_once_while_a_replica_is_drained_and_another_one_started_anew(
    make_box: MakeBox, tmp_path: Path
) -> None:
    with (
        ray_cluster(tmp_path, nodes=2) as cluster,
        ray_bench(make_box(), tmp_path, cluster.address) as bench,
    ):
        async with bench.box.visited() as app, asyncio.timeout(_PATIENCE):
            assert app.welcome is not None
            submits = [job(f"job {n}", app.welcome.serves) for n in range(_JOBS)]
            await app.send(*submits)
            answers = await _answers_with_changes(app)
            assert set(answers) == {it.job for it in submits}
            check(bench, answers, lost_slots=SLOTS, jobs=_JOBS)
            replicas = await _until_states(app, "drained", "ready")
            assert [(it.restarts, it.gpus) for it in replicas] == [(0, ""), (1, "0")]
            begun = len({str(it["pid"]) for it in bench.noted("begun")})
            assert (
                begun == 3
            )  # those of the two replicas, and that of the one that was started anew
        await stop(bench)


async def _answers_with_changes(app: App) -> dict[str, str]:
    """The answers by their jobs; in the middle, both changes are asked for."""
    answers: dict[str, str] = {}
    changed: list[ReplicaChanged] = []
    asked = False
    while len(answers) < _JOBS:
        message = await app.next()
        assert not isinstance(message, Failed), message
        if isinstance(message, Finished):
            assert message.job not in answers
            answers[message.job] = message.answer.text
        elif isinstance(message, ReplicaChanged):
            changed.append(message)
        elif isinstance(message, Status):
            states = [it.state for it in message.replicas]
            if not asked and states == ["ready", "ready"] and len(answers) >= 2:
                asked = True
                await app.send(ChangeReplica(1, "0", DRAIN), ChangeReplica(2, "1", RESTART))
    assert changed == [ReplicaChanged(1, ""), ReplicaChanged(2, "")]
    return answers


async def _until_states(app: App, *states: str) -> tuple[ReplicaStatus, ...]:
    while True:
        told = (await app.until(Status)).replicas
        if tuple(it.state for it in told) == states:
            return told
