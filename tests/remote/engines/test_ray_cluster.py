"""A real daemon with a real Ray cluster of three nodes: whatever dies, each job is done and nothing is left.

The replicas' model servers are stand-ins that keep an account; all processes are real.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from remote.paths import make_daemon_paths
from remote.protocol import (
    FAILED,
    MAGIC,
    OK,
    WARNING,
    Checkup,
    Decoder,
    Failed,
    Finding,
    Finished,
    Patience,
    RaySetup,
    Request,
    Sampling,
    Stop,
    Submit,
    VllmSetup,
)
from tests.faults import engine as stand_in
from tests.remote.attached import App, Box, Gone, submit
from tests.remote.conftest import MakeBox
from tests.support.ray_clusters import RayNodes, is_alive, ray_cluster, replicas
from tests.support.ray_environment import RAY
from tests.support.waiting import until, wait_until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

_SLOTS = 4
_JOBS = 60
_PATIENCE = 120.0


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RayNodes]:
    with ray_cluster(tmp_path) as made:
        yield made


class Bench:
    """A box on a cluster, with the account of its model servers."""

    def __init__(self, box: Box, account: Path) -> None:
        self.box = box
        self.account = account

    def noted(self, event: str) -> list[dict[str, object]]:
        """What the model servers have noted."""
        if not self.account.exists():
            return []
        lines = map(json.loads, self.account.read_text().splitlines())
        return [line for line in lines if line["event"] == event]

    @property
    def servers(self) -> list[int]:
        """The model servers that are alive."""
        return [
            int(str(it["pid"])) for it in self.noted("started") if is_alive(int(str(it["pid"])))
        ]

    def driver(self) -> int:
        """The process number of the driver."""
        told = json.loads((self.box.place.state / "ray.json").read_text())
        return int(told["group"])


@pytest.fixture
def bench(cluster: RayNodes, make_box: MakeBox, tmp_path: Path) -> Iterator[Bench]:
    account = tmp_path / "account"
    vllm = VllmSetup(
        command=(sys.executable, stand_in.__file__),
        format="auto",
        max_model_len=4096,
        max_num_seqs=_SLOTS,
        images=2,
        tensor_parallel_size=1,
        gpu_memory_utilization=0.9,
        env=(f"{stand_in.LOG}={account}", f"{stand_in.PACE}=0.2"),
    )
    python = str(RAY.program("python"))
    box = make_box().with_setup(
        engine="ray",
        model="m",
        vllm=vllm,
        patience=Patience(30.0, 30.0),
        ray=RaySetup(cluster.address, 0, "vllm", python),
    )
    yield Bench(box, account)
    box.kill()
    wait_until(lambda: not replicas())
    for folder in (Path(box.setup.root) / "replicas").glob("*"):
        make_daemon_paths(str(folder)).lock.unlink()


def job(name: str, serves: str) -> Submit:
    request = Request("transfer1", "m", "", name, (), Sampling(0.6, 300, seed=1), engine=serves)
    return submit(request, ())


async def run_batch(bench: Bench, disturb: Callable[[], None]) -> dict[str, str]:
    """Have all jobs done, with one disturbance in the middle. Returns the answers by their prompts."""
    answers: dict[str, str] = {}
    jobs: dict[str, str] = {}
    is_disturbed = False
    async with asyncio.timeout(_PATIENCE):
        while len(answers) < _JOBS:
            async with bench.box.visited() as app:
                assert app.welcome is not None
                submits = [job(f"job {n}", app.welcome.serves) for n in range(_JOBS)]
                jobs |= {it.job: it.request.prompt for it in submits}
                await app.send(*submits)
                with contextlib.suppress(ConnectionError):
                    async for prompt, text in _ends(app, jobs):
                        assert prompt not in answers or answers[prompt] == text
                        answers[prompt] = text
                        if len(answers) >= _JOBS // 4 and not is_disturbed:
                            is_disturbed = True
                            disturb()
                        if len(answers) == _JOBS:
                            break
    return answers


async def _ends(app: App, jobs: dict[str, str]) -> AsyncIterator[tuple[str, str]]:
    while True:
        try:
            message = await app.next()
        except Gone:
            return
        assert not isinstance(message, Failed), message
        if isinstance(message, Finished):
            yield jobs[message.job], message.answer.text


async def stop(bench: Bench) -> None:
    """End the daemon as an app does, and see that nothing of ours is left."""
    async with bench.box.visited() as app:
        await app.send(Stop(only_idle=False))
        await app.hung_up()
    await nothing_left(bench)


async def nothing_left(bench: Bench) -> None:
    await until(lambda: not bench.servers and not replicas(), 60)


def check(bench: Bench, answers: dict[str, str], lost_slots: int) -> None:
    """Each answer is one that a model server has completed; only what was in flight was begun twice."""
    completed = {str(it["text"]) for it in bench.noted("completed")}
    assert set(answers.values()) <= completed
    assert len(set(answers.values())) == _JOBS
    repeated = len(bench.noted("begun")) - _JOBS
    assert repeated <= lost_slots, f"{repeated} requests were begun again"


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
    check(bench, answers, lost_slots=_SLOTS)
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
    check(bench, answers, lost_slots=3 * _SLOTS)
    await stop(bench)


async def test_the_replicas_of_a_killed_daemon_end_and_the_next_one_goes_on(bench: Bench) -> None:
    answers = await run_batch(bench, bench.box.kill)
    check(bench, answers, lost_slots=3 * _SLOTS)
    await stop(bench)


async def test_a_killed_daemon_alone_leaves_nothing(bench: Bench) -> None:
    async with bench.box.visited() as app:
        assert app.welcome is not None
        one = job("a job", app.welcome.serves)
        await app.send(one)
        await app.done(one)
    bench.box.kill()
    await nothing_left(bench)
