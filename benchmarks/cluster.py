"""How the engine `ray` scales with its replicas, and what it costs, against the same without Ray.

    python -m benchmarks.cluster [--replicas 1,2,4,8] [--only scaling plain pictures loss]
    python -m benchmarks.cluster --simulated 64     # more replicas, as far as this machine reaches
    python -m benchmarks.cluster --vllm             # with a real vLLM, too

A real Ray cluster of three nodes runs on this machine, and a real daemon with the engine `ray` gives batches
to replicas of the engine `openai`. What stands for the GPU of a replica is `paced_server.py`, which writes
every answer in the same time. So a replica answers slots ÷ seconds a second and no faster, and what is
missing at the end is lost between the daemon and the replicas. The app and SSH are no part of it:
`throughput.py` and `fleet.py` have these.

scaling   the pace with some replicas ÷ that with one
plain     the pace with one replica ÷ that of the engine `openai` without Ray, at the same server
pictures  processor time of a request with two pictures of 600 kB, through a replica on each node ÷ over HTTP
          without Ray: that of daemon, driver, replicas, Ray and model server, less what they take at rest
loss      the pace when all replicas answer again, after a node was killed in the middle of a batch ÷ before
vllm      tokens a second of a tiny Pixtral on real vLLM, as one replica ÷ without Ray

A pace is the number of answers ÷ the time from the first request's being given to the engine to the last
answer's end, by the clock of the box.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from rich.console import Console

from backend.console import say, table
from benchmarks.cluster_box import BenchBox, Costs, Lap, bench_box
from benchmarks.command import run_command
from benchmarks.paced_server import MODEL, PacedServer, paced_server
from remote.protocol import OpenAISetup, RaySetup, Setup, VllmSetup
from tests.support.ray_clusters import RayNodes, ray_cluster
from tests.support.ray_environment import RAY
from tests.support.tiny_pixtral import make_tiny_pixtral

_PARTS = ("scaling", "plain", "pictures", "loss")
_NODES = 3
_STORE_BYTES = 512 * 1024 * 1024
"""Each node's memory for objects: Ray's own least, where it is not told."""
_PICTURES = 2
_PICTURE_BYTES = 600_000
_PICTURE_JOBS = 96
_PICTURE_PIECES = 16
_WARMING_JOBS = 24
_REST_SECONDS = 5.0
_VLLM_SLOTS = 8
_VLLM_JOBS = 48
_VLLM_TOKENS = 128
_VLLM_LAPS = 3
_SCALES = 0.9
"""The least share of what the paces allow with which replicas still scale."""
_BUSY = 0.1
"""The share of the processors' time that is idle at most where that time is what bounds a pace."""
_WIDTH = 100
"""Columns of the table, wherever it is printed."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A result."""

    what: str
    value: float
    least: float | None = None
    most: float | None = None
    """What it should be at least, or at most."""

    @property
    def wanted(self) -> str:
        """The goal, in words."""
        if self.least is not None:
            return f"at least {self.least:g}"
        return f"at most {self.most:g}" if self.most is not None else ""


@dataclass(frozen=True, slots=True)
class Course:
    """What all parts run on."""

    folder: Path
    cluster: RayNodes
    slots: int
    seconds: float
    waves: int

    def on_ray(self, setup: Setup, replicas: int) -> Setup:
        """The same answered by replicas."""
        ray = RaySetup(self.cluster.address, replicas, setup.engine, str(RAY.program("python")))
        return replace(setup, engine="ray", ray=ray)

    def jobs(self, replicas: int) -> int:
        """As many as fill all slots so many times."""
        return replicas * self.slots * self.waves

    @property
    def allowed(self) -> float:
        """Answers a second of one replica."""
        return self.slots / self.seconds


def _asking(server: PacedServer, slots: int) -> Setup:
    return Setup("", "openai", MODEL, 0.0, openai=OpenAISetup(server.base_url, "", slots))


async def with_replicas(course: Course, server: PacedServer, replicas: int) -> Lap:
    """A batch with so many replicas."""
    setup = course.on_ray(_asking(server, course.slots), replicas)
    folder = course.folder / f"replicas-{replicas}"
    async with bench_box(folder, setup, course.cluster, server.pid) as box:
        await box.until_ready(replicas)
        await box.batch(replicas * course.slots)
        lap = await box.batch(course.jobs(replicas))
    _tell(f"{replicas} replicas", lap, replicas * course.allowed)
    return lap


async def without_ray(course: Course, server: PacedServer) -> Lap:
    """The same batch as one replica has, by the engine `openai`."""
    setup = _asking(server, course.slots)
    async with bench_box(course.folder / "plain", setup, server=server.pid) as box:
        await box.batch(course.slots)
        lap = await box.batch(course.jobs(1))
    _tell("without Ray", lap, course.allowed)
    return lap


async def with_pictures(course: Course) -> Ratio:
    """What requests with pictures cost, through a replica and over HTTP."""
    with paced_server(course.seconds / 4, _PICTURE_PIECES) as server:
        plain = _asking(server, 4 * course.slots)
        async with bench_box(course.folder / "http", plain, server=server.pid) as box:
            http = await _cost_with_pictures("HTTP", box)
        on_ray = course.on_ray(plain, _NODES)
        async with bench_box(course.folder / "actor", on_ray, course.cluster, server.pid) as box:
            await box.until_ready(_NODES)
            actor = await _cost_with_pictures("replicas", box)
    return Ratio("processor time with pictures, replicas ÷ HTTP", actor / http, most=2.0)


async def _cost_with_pictures(what: str, box: BenchBox) -> float:
    def pictures(count: int) -> list[list[bytes]]:
        return [[os.urandom(_PICTURE_BYTES) for _ in range(_PICTURES)] for _ in range(count)]

    await box.batch(_WARMING_JOBS, pictures(_WARMING_JOBS))
    rest = await box.rest(_REST_SECONDS)
    lap = await box.batch(_PICTURE_JOBS, pictures(_PICTURE_JOBS))
    costs = {part: cost - lap.seconds * rest.get(part, 0.0) for part, cost in lap.costs.items()}
    total = sum(costs.values()) / _PICTURE_JOBS
    say(
        f"pictures by {what}: {1000 * total:.1f} ms a request: {_shares(costs, _PICTURE_JOBS)}; "
        f"at rest {100 * sum(rest.values()):.1f} % of a processor; load {lap.load:.1f}"
    )
    return total


async def with_loss(course: Course, server: PacedServer) -> Ratio:
    """The pace before and after a node is killed, with as many replicas as there are nodes."""
    setup = course.on_ray(_asking(server, course.slots), _NODES)
    async with bench_box(course.folder / "loss", setup, course.cluster, server.pid) as box:
        await box.until_ready(_NODES)
        await box.batch(_NODES * course.slots)
        before = await box.batch(course.jobs(_NODES))
        lost = await box.batch(course.jobs(_NODES), disturb=lambda: course.cluster.kill_node(1))
        again = sum(answer.attempt > 1 for answer in lost.answers)
        say(
            f"a node was killed: {len(lost.answers)} of {course.jobs(_NODES)} answers, {again} of them "
            f"asked for again, {lost.seconds:.1f} s where {before.seconds:.1f} s were before"
        )
        await box.until_ready(_NODES)
        after = await box.batch(course.jobs(_NODES))
    for when, lap in (("before", before), ("after", after)):
        _tell(f"{when} the loss", lap, _NODES * course.allowed)
    return Ratio("pace after a loss ÷ before", after.pace / before.pace, least=0.95)


def tiny_pixtral(folder: Path) -> Setup:
    """The settings of a box with the tiny Pixtral."""
    tiny = make_tiny_pixtral(folder / "tiny")
    vllm = VllmSetup(
        command=(*tiny.command, "--no-enable-prefix-caching"),
        format="mistral",
        max_model_len=4096,
        max_num_seqs=_VLLM_SLOTS,
        images=2,
        tensor_parallel_size=1,
        gpu_memory_utilization=0.9,
        env=(f"PYTHONPATH={tiny.site}", "HF_HUB_OFFLINE=1"),
    )
    return Setup("", "vllm", str(tiny.model), 0.0, vllm=vllm)


async def with_vllm(folder: Path, setup: Setup, cluster: RayNodes | None) -> float:
    """Tokens a second of a vLLM, as the only replica on a cluster or without one."""
    paces = []
    async with bench_box(folder, setup, cluster) as box:
        await box.batch(_VLLM_SLOTS, tokens=_VLLM_TOKENS)
        for _ in range(_VLLM_LAPS):
            lap = await box.batch(_VLLM_JOBS, tokens=_VLLM_TOKENS)
            paces.append(lap.token_pace)
    told = ", ".join(f"{pace:.0f}" for pace in paces)
    say(
        f"vLLM {'as a replica' if cluster else 'without Ray'}: {told} tokens/s; load {lap.load:.1f}"
    )
    return median(paces)


async def simulate(course: Course, server: PacedServer, counts: Sequence[int]) -> None:
    """Have ever more replicas, and say where they scale no more and what bounds them."""
    for replicas in counts:
        lap = await with_replicas(course, server, replicas)
        if lap.pace < _SCALES * replicas * course.allowed:
            cores = os.cpu_count() or 1
            ours = sum(lap.costs.values()) / lap.seconds / cores
            bound = "processor time" if lap.idle < _BUSY else "something other than processor time"
            say(
                f"the limit of this machine: {lap.pace:.1f} answers/s, where {replicas} replicas could give "
                f"{replicas * course.allowed:.1f}. What bounds it is {bound}: its {cores} processors were "
                f"idle for {100 * lap.idle:.0f} % of the time, and this box had {100 * ours:.0f} % of them"
            )
            return
    say(f"no limit was met with up to {counts[-1]} replicas")


def _tell(what: str, lap: Lap, allowed: float) -> None:
    say(
        f"{what}: {lap.pace:.2f} answers/s of {allowed:.2f}: {lap.pace / allowed:.3f}; "
        f"{1000 * lap.cost:.0f} ms of processor time an answer: {_shares(lap.costs, len(lap.answers))}; "
        f"processors idle {100 * lap.idle:.0f} %, load {lap.load:.1f}"
    )


def _shares(costs: Costs, answers: int) -> str:
    return ", ".join(f"{part} {1000 * cost / answers:.1f}" for part, cost in costs.items())


async def measure(given: argparse.Namespace, folder: Path) -> list[Ratio]:
    """All parts that are asked for."""
    ratios: list[Ratio] = []
    tiny = tiny_pixtral(folder) if given.vllm else None
    # While there is no cluster, whose processes take processor time.
    alone = await with_vllm(folder / "vllm", tiny, None) if tiny else 0.0
    with (
        ray_cluster(folder, _NODES, store_bytes=_STORE_BYTES) as cluster,
        paced_server(given.seconds) as server,
    ):
        course = Course(folder, cluster, given.slots, given.seconds, given.waves)
        if tiny:
            replica = await with_vllm(folder / "vllm-replica", course.on_ray(tiny, 1), cluster)
            ratios.append(Ratio("tokens/s of vLLM, 1 replica ÷ without Ray", replica / alone, 0.85))
        paces = {}
        if "scaling" in given.only or "plain" in given.only:
            for count in given.replicas if "scaling" in given.only else [1]:
                paces[count] = (await with_replicas(course, server, count)).pace
        for count in [it for it in paces if it > 1]:
            least = 7.0 if count == 8 else None
            ratios.append(Ratio(f"pace, {count} replicas ÷ 1", paces[count] / paces[1], least))
        if "plain" in given.only:
            plain = await without_ray(course, server)
            ratios.append(Ratio("pace, 1 replica ÷ without Ray", paces[1] / plain.pace, 0.95))
        if "pictures" in given.only:
            ratios.append(await with_pictures(course))
        if given.simulated:
            await simulate(course, server, doublings(max(given.replicas), given.simulated))
        if "loss" in given.only:
            ratios.append(await with_loss(course, server))
    return ratios


def doublings(above: int, most: int) -> list[int]:
    """Twice as many, and twice as many again, up to the last number."""
    counts = []
    while (above := 2 * above) < most:
        counts.append(above)
    return [*counts, most]


def _counts(text: str) -> list[int]:
    return sorted({1, *map(int, text.split(","))})


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replicas", type=_counts, default=[1, 2, 4, 8], help="such as 1,2,4,8")
    parser.add_argument("--slots", type=int, default=2, help="of each replica")
    parser.add_argument("--seconds", type=float, default=2.0, help="an answer takes")
    parser.add_argument("--waves", type=int, default=6, help="times that all slots are filled")
    parser.add_argument("--only", nargs="*", choices=_PARTS, default=list(_PARTS))
    parser.add_argument("--simulated", type=int, default=0, help="the most replicas, such as 64")
    parser.add_argument("--vllm", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="upsample-bench-") as name:
        ratios = asyncio.run(measure(given, Path(name)))
    if not ratios:
        return
    made = table("ratio", "value", "wanted", right=["value"], long=())
    for ratio in ratios:
        made.add_row(ratio.what, f"{ratio.value:.2f}", ratio.wanted)
    Console(file=sys.stdout, width=_WIDTH, highlight=False, markup=False).print(made)


if __name__ == "__main__":
    run_command(main)
