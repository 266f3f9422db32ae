"""A cluster that is not as it should be: what is wrong is said once, with a remedy, and the rest goes on."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from remote.engines.ray import head_watch, hosting, keeping
from remote.engines.ray.hosting import ReplicaHost
from remote.engines.ray.messages import AWAY, News, Said, Text, Trouble, from_text
from remote.engines.ray.places import Place
from remote.protocol import RaySetup, Setup, VllmSetup
from tests.remote.engines.test_ray_driving import NODES, SETUP, Bench, quick
from tests.support.waiting import until

__all__ = ["quick"]

_VLLM = VllmSetup(("vllm", "serve"), "auto", 4096, 4, 2, 1, 0.9)
_HEAD_GONE = (
    "the head of the Ray cluster at head:6379 does not answer. Start it there again (ray start --head), or "
    "set ray.address of the box to another cluster; the jobs wait for it"
)

MakeBench = Callable[[RaySetup, VllmSetup | None], Bench]


@pytest.fixture
async def make_bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeBench]:
    """Benches with these settings; they end with the test."""
    monkeypatch.setattr(head_watch, "_SILENCE_SECONDS", 0.05)
    made: list[Bench] = []

    def make(ray: RaySetup, vllm: VllmSetup | None) -> Bench:
        made.append(Bench(replace(SETUP, ray=ray, vllm=vllm)))
        return made[-1]

    yield make
    for bench in made:
        bench.driving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await bench.driving


async def trouble_of(bench: Bench, number: int) -> str:
    """Why a request has no answer, where that is nothing that fails it."""
    bench.ask(number)
    trouble = await bench.until_told(number, Trouble)
    assert isinstance(trouble, Trouble)
    assert (trouble.kind, trouble.for_good) == (AWAY, False)
    return trouble.message


def warnings(bench: Bench) -> list[str]:
    return [it.text for it in bench.told if isinstance(it, Said) and it.level == "warning"]


async def test_a_head_that_is_gone_is_said_with_its_address_while_a_living_replica_answers(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(RaySetup("head:6379", 0, "sketch", "python3"), None)
    await bench.ready()
    bench.cluster.has_head = False
    bench.cluster.replicas[0].lost = "its node is dead"
    await until(lambda: _HEAD_GONE in warnings(bench))
    bench.ask(1)
    await bench.until_told(1, Text)
    assert bench.replicas.trouble == ""
    bench.cluster.replicas[1].lost = "its node is dead"
    await until(lambda: bench.replicas.trouble)
    assert await trouble_of(bench, 2) == _HEAD_GONE
    assert bench.replicas.trouble == _HEAD_GONE
    bench.cluster.has_head = True
    await until(lambda: "the head of the Ray cluster answers again" in warnings(bench))
    await until(lambda: not bench.replicas.trouble)
    assert warnings(bench).count(_HEAD_GONE) == 1


async def test_a_replica_that_fits_on_no_node_is_said_at_once_with_what_to_set(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(
        RaySetup("auto", 0, "vllm", "python3"), replace(_VLLM, tensor_parallel_size=2)
    )
    bench.cluster.alive = tuple(replace(node, gpus=1.0) for node in NODES)
    assert await trouble_of(bench, 1) == (
        "a replica takes 2 GPUs of one node, and no node has more than 1. Set a smaller "
        "vllm.tensor_parallel_size or data_parallel_size, or add nodes to the cluster"
    )
    await until(lambda: bench.replicas.trouble)
    assert bench.replicas.trouble.startswith("a replica takes 2 GPUs")


async def test_replicas_beyond_the_gpus_of_the_cluster_are_said_once_and_the_others_answer(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_PLACE_SECONDS", 0.05)
    bench = make_bench(RaySetup("auto", 2, "vllm", "python3"), _VLLM)
    bench.cluster.alive = (replace(NODES[0], gpus=1.0),)
    bench.cluster.room = 1
    bench.ask(1)
    await until(lambda: warnings(bench))
    await bench.until_told(1, Text)
    (said,) = warnings(bench)
    assert said == (
        "replica 1 has no place: no node of the cluster is free for a replica: something else uses its GPUs, "
        "as `ray status` says. End that, or set ray.replicas to what is free"
    )


@pytest.fixture
def hosted(tmp_path: Path) -> Setup:
    vllm = replace(_VLLM, command=("/bin/false",))
    ray = RaySetup("auto", 0, "vllm", "python3")
    return Setup(str(tmp_path / "root"), "ray", str(tmp_path / "model"), 60.0, vllm=vllm, ray=ray)


async def failed_news(setup: Setup) -> News:
    """How a replica of this setup is, once it has failed."""
    host = ReplicaHost(setup, b"")
    try:

        async def look() -> News:
            news = from_text(await host.look())
            assert isinstance(news, News)
            return news

        while (news := await look()).state != "failed":  # noqa: ASYNC110 - it is asked, and tells nobody
            await asyncio.sleep(0.01)
        return news
    finally:
        await host.close()


async def test_a_node_without_the_model_says_so_and_not_that_it_serves_something_else(
    hosted: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def make_engine(host: ReplicaHost) -> object:
        return object()

    monkeypatch.setattr(ReplicaHost, "_make_engine", make_engine)
    news = await failed_news(hosted)
    assert news.detail == (
        f"{hosted.model} is not there. Put the model at the same path, or let all nodes see one disk"
    )
    assert (news.serves, news.for_good) == ("", False)


async def test_a_node_whose_disk_is_full_says_so_and_is_looked_at_again(
    hosted: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_place(root: str) -> Place:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), root)

    monkeypatch.setattr(hosting, "take_place", take_place)
    news = await failed_news(hosted)
    assert news.detail == (
        f"no room on the disk with {hosted.root}. Make room on that node; it is looked at again by itself"
    )
    assert news.retry_after > 0
