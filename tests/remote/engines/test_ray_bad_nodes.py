"""Real Ray with a head that goes, and with nodes that cannot answer: it is said, and the others go on."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from remote.paths import make_daemon_paths
from remote.protocol import Log, Request, Sampling, Submit
from tests.faults.disk import small_disk
from tests.remote.attached import App, submit
from tests.remote.conftest import MakeBox
from tests.remote.engines.ray_bench import ray_bench
from tests.support.ray_clusters import RayNodes, ray_cluster, replicas

pytestmark = [pytest.mark.ray, pytest.mark.timeout(200)]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RayNodes]:
    with ray_cluster(tmp_path, nodes=1) as made:
        yield made


async def until_logged(app: App, *words: str) -> None:
    """Return when the log has said all of this."""
    left = set(words)
    while left:
        told = (await app.until(Log)).text
        left -= {it for it in left if it in told}


async def test_a_full_disk_a_missing_model_and_a_lost_head_are_said_and_the_good_node_answers(
    cluster: RayNodes, make_box: MakeBox, tmp_path: Path
) -> None:
    homes = [Path.home(), tmp_path / "bare"]
    (homes[0] / "model").mkdir()
    homes[1].mkdir()
    with (
        small_disk(tmp_path / "full", 1) as full,
        ray_bench(make_box(), tmp_path, cluster.address) as bench,
    ):
        if not full.is_small:
            pytest.skip("no small disk can be mounted here")
        (full.folder / "model").mkdir()
        full.fill()
        for home in (full.folder, homes[1]):
            cluster.add_node(HOME=str(home))
        box = bench.box.with_setup(root="~/box", model="~/model")
        async with box.visited() as app:
            assert app.welcome is not None
            jobs = [_job(number, app.welcome.serves) for number in range(6)]
            await app.send(*jobs)
            await until_logged(
                app,
                "no room on the disk with ~/box. Make room on that node",
                "~/model is not there. Put the model at the same path",
            )
        async with box.visited() as app:
            for one in jobs:
                await app.done(one)
            cluster.kill_head()
            gone = (
                f"the head of the Ray cluster at {cluster.address} does not answer. Start it there"
            )
            await until_logged(app, gone)
        box.kill()
        box.place.socket.unlink()
        for pid in replicas():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for root in [home / "box" for home in homes]:
            for place in [root, *(root / "replicas").glob("*")]:
                make_daemon_paths(str(place)).lock.unlink(missing_ok=True)


def _job(number: int, serves: str) -> Submit:
    request = Request(
        "transfer1", "~/model", "", f"job {number}", (), Sampling(0.6, 300, seed=1), engine=serves
    )
    return submit(request, ())
