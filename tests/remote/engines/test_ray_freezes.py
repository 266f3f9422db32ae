"""What is stopped for a while holds no batch up, and what a Ray of the box's own has started ends with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

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
from tests.support.ray_clusters import RayNodes, children_of, is_alive, ray_cluster
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


async def test_what_was_in_flight_on_a_frozen_node_is_done_elsewhere(
    bench: Bench, cluster: RayNodes
) -> None:
    frozen: list[int] = []
    try:
        answers = await run_batch(bench, lambda: frozen.extend(cluster.freeze_node(1)))
    finally:
        thaw(frozen)
    check(bench, answers, lost_slots=SLOTS)
    await stop(bench)


async def test_a_frozen_driver_is_replaced(bench: Bench) -> None:
    answers = await run_batch(bench, lambda: os.kill(bench.driver(), signal.SIGSTOP))
    check(bench, answers, lost_slots=3 * SLOTS)
    await stop(bench)


async def test_a_daemon_that_was_frozen_goes_on_where_it_was(bench: Bench) -> None:
    def freeze() -> None:
        daemon = bench.box.daemon()
        os.kill(daemon, signal.SIGSTOP)
        asyncio.get_running_loop().call_later(5.0, os.kill, daemon, signal.SIGCONT)

    answers = await run_batch(bench, freeze)
    check(bench, answers, lost_slots=0)
    await stop(bench)


async def test_a_ray_of_the_boxs_own_leaves_nothing_when_driver_and_daemon_are_killed(
    make_box: MakeBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tempfile.mkdtemp(prefix="ray")  # Ray's sockets need a short path
    monkeypatch.setenv("RAY_TMPDIR", files)
    with ray_bench(make_box(), tmp_path, "", replicas=1, engine="sketch") as bench:
        async with bench.box.visited() as app:
            assert app.welcome is not None
            one = job("a job", app.welcome.serves)
            await app.send(one)
            await app.done(one)
            of_ray = children_of(bench.driver())
            assert len(of_ray) > 2
            driver = bench.driver()
            bench.box.kill()
            os.kill(driver, signal.SIGKILL)
        await until(lambda: not any(map(is_alive, of_ray)), 20)
        await nothing_left(bench)
    shutil.rmtree(files)


async def test_an_idle_box_gives_everything_back_and_starts_again_for_the_next_job(
    cluster: RayNodes, make_box: MakeBox, tmp_path: Path
) -> None:
    with ray_bench(make_box(), tmp_path, cluster.address, idle_timeout=2.0) as bench:
        async with bench.box.visited() as app:
            assert app.welcome is not None
            for name in ("one", "two"):
                each = job(name, app.welcome.serves)
                await app.send(each)
                await app.done(each)
                await nothing_left(bench)
        await stop(bench)


def thaw(processes: list[int]) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
