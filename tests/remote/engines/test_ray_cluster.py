"""A real daemon with a real Ray cluster of three nodes: whatever dies, each job is done and nothing is left.

The replicas' model servers are stand-ins that keep an account; all processes are real.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from remote.protocol import FAILED, MAGIC, OK, WARNING, Checkup, Decoder, Finding
from tests.remote.conftest import MakeBox
from tests.remote.engines.ray_bench import (
    SLOTS,
    Bench,
    check,
    job,
    nothing_left,
    ray_bench,
    run_batch,
    stop,
)
from tests.support.ray_clusters import RayNodes, ray_cluster
from tests.support.waiting import until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RayNodes]:
    with ray_cluster(tmp_path) as made:
        yield made


@pytest.fixture
def bench(cluster: RayNodes, make_box: MakeBox, tmp_path: Path) -> Iterator[Bench]:
    with ray_bench(make_box(), tmp_path, cluster.address) as made:
        yield made


async def test_a_batch_is_answered_by_all_nodes_and_all_is_given_back(
    bench: Bench, cluster: RayNodes
) -> None:
    answers = await run_batch(bench, lambda: None)
    check(bench, answers, lost_slots=0)
    assert len({str(it["pid"]) for it in bench.noted("begun")}) == 3
    await stop(bench)


@pytest.mark.parametrize("what", ["node", "raylet", "actor", "server"])
async def test_what_was_in_flight_on_a_lost_replica_alone_is_done_again(
    bench: Bench, cluster: RayNodes, what: str
) -> None:
    def disturb() -> None:
        if what == "node":
            cluster.kill_node(1)
        elif what == "raylet":
            cluster.kill_raylet(1)
        elif what == "actor":
            os.kill(cluster.actors(1)[0], signal.SIGKILL)
        else:
            os.kill(bench.servers[0], signal.SIGKILL)

    answers = await run_batch(bench, disturb)
    check(bench, answers, lost_slots=SLOTS)
    if what == "node":
        log = bench.box.place.log
        await until(lambda: "has left the cluster, with replica" in log.read_text())
        assert log.read_text().count("has left the cluster") == 1
    await stop(bench)


async def test_doctor_looks_at_all_nodes(bench: Bench, cluster: RayNodes) -> None:
    setup = replace(bench.box.setup, model="/no/such/model")
    checkup = json.dumps(asdict(Checkup(setup, 4096)))
    command = [sys.executable, str(bench.box.runner), "check", checkup]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
    told = list(Decoder().feed(done.stdout.removeprefix(MAGIC)))
    found = {it.name: it for it in told if isinstance(it, Finding) and it.area == "cluster"}
    assert found["Ray"].verdict == OK
    assert found["Ray"].detail.startswith("Ray 2.60.0 with Python 3.")
    assert found["token"].verdict == WARNING
    assert found["replicas"].detail == "3 nodes with 3 GPUs: 3 replicas"
    assert found["model"].verdict == FAILED
    assert found["disks"].verdict == OK


async def test_a_killed_driver_is_replaced_and_its_replicas_end(bench: Bench) -> None:
    answers = await run_batch(bench, lambda: os.kill(bench.driver(), signal.SIGKILL))
    check(bench, answers, lost_slots=3 * SLOTS)
    await stop(bench)


async def test_the_replicas_of_a_killed_daemon_end_and_the_next_one_goes_on(bench: Bench) -> None:
    answers = await run_batch(bench, bench.box.kill)
    check(bench, answers, lost_slots=3 * SLOTS)
    await stop(bench)


async def test_a_killed_daemon_alone_leaves_nothing(bench: Bench) -> None:
    async with bench.box.visited() as app:
        assert app.welcome is not None
        one = job("a job", app.welcome.serves)
        await app.send(one)
        await app.done(one)
    bench.box.kill()
    await nothing_left(bench)
