"""`python -m tests.faults --engine ray`: one long batch on a real Ray cluster, whose parts die and freeze.

Each job must end once, with a text that a model server has completed for it. What was begun again may be no
more than what the lost replicas worked on. At the end nothing of ours may be left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from backend.box.links.runner import build_runner
from remote.protocol import Failed, Finished, Setup, Stop
from tests.remote.attached import App, Box, Gone
from tests.remote.engines.ray_bench import SLOTS, Bench, job, ray_bench
from tests.support.leftovers import MARK
from tests.support.ray_clusters import RayNodes, is_alive, ray_cluster
from tests.support.ray_clusters import replicas as replica_processes
from tests.support.waiting import until

NODES = 3
_AHEAD = 40
"""Jobs that the box has at any time."""
_BETWEEN = 8
"""Jobs that are done between two faults."""
_READY_SECONDS = 120.0
_FROZEN_SECONDS = 15.0

LOST = {
    "node: kill": 1,
    "node: freeze": 1,
    "raylet: kill": 1,
    "actor: kill": 1,
    "server: kill": 1,
    "driver: kill": NODES,
    "driver: freeze": NODES,
    "daemon: kill": NODES,
    "daemon: freeze": 0,
}
"""The kinds of faults, and how many replicas each loses."""
_WEIGHTS = (3, 1, 3, 4, 4, 2, 0.5, 2, 1)


class ClusterCampaign:
    """So many faults, by a seed."""

    def __init__(self, count: int, seed: int, folder: Path, say: Callable[[str], None]) -> None:
        random = Random(seed)
        kinds = list(LOST)[:count]
        kinds += random.choices(list(LOST), _WEIGHTS, k=count - len(kinds))
        random.shuffle(kinds)
        self._kinds = kinds
        self._random = random
        self._seed = seed
        self._folder = folder
        self._say = say
        self._answers: dict[str, str] = {}
        """The texts that were told, by job."""
        self._given: dict[str, str] = {}
        """The prompts of all jobs that were sent."""
        self._injected: Counter[str] = Counter()
        self._owed: set[asyncio.Task[None]] = set()
        self._is_over = False
        self.troubles: list[str] = []

    async def run(self) -> int:
        """Inject them all; 1 when anything was found that must not be."""
        self._say(f"seed {self._seed}: {len(self._kinds)} faults on a cluster of {NODES} nodes")
        began = time.monotonic()
        os.environ.setdefault(MARK, secrets.token_hex(8))  # pytest has set it for its session
        self._folder.mkdir(parents=True, exist_ok=True)
        with _temporary(self._folder) as folder, ray_cluster(folder) as cluster:
            alive = list(range(1, NODES))  # the driver is on the head
            with ray_bench(_new_box(folder), folder, cluster.address) as bench:
                working = asyncio.create_task(self._work(bench))
                try:
                    for number, kind in enumerate(self._kinds, 1):
                        await self._until_well(bench)
                        await self._inject(kind, bench, cluster, alive)
                        self._say(f"{time.monotonic() - began:6.0f} s  {number}  {kind}")
                    self._is_over = True
                    await working
                finally:
                    working.cancel()
                    await asyncio.gather(working, *self._owed, return_exceptions=True)
                await self._judge(bench)
        self._say("\n".join(self.troubles) or "nothing was lost, doubled, wrong, failed or left")
        return 1 if self.troubles else 0

    async def _work(self, bench: Bench) -> None:
        """Keep the box busy, and hear what it does, through however many daemons."""
        while not self._is_over or len(self._answers) < len(self._given):
            with contextlib.suppress(Gone, ConnectionError, AssertionError, TimeoutError):
                async with bench.box.visited() as app:
                    await self._feed(app)
            await asyncio.sleep(0.2)

    async def _feed(self, app: App) -> None:
        assert app.welcome is not None
        serves = app.welcome.serves
        left = [prompt for it, prompt in self._given.items() if it not in self._answers]
        await app.send(*[job(prompt, serves) for prompt in left])
        while not self._is_over or len(self._answers) < len(self._given):
            while not self._is_over and len(self._given) - len(self._answers) < _AHEAD:
                new = job(f"job {len(self._given)}", serves)
                self._given[new.job] = new.request.prompt
                await app.send(new)
            message = await app.next()
            if isinstance(message, Failed):
                self.troubles.append(f"FAILED: {self._given[message.job]}: {message.message}")
                self._answers[message.job] = ""
            elif isinstance(message, Finished):
                text = message.answer.text
                if self._answers.setdefault(message.job, text) != text:
                    self.troubles.append(f"DOUBLED: {self._given[message.job]}")

    async def _until_well(self, bench: Bench) -> None:
        """Wait until the batch goes on, and all replicas work again."""
        goal = len(self._answers) + _BETWEEN
        try:
            await until(lambda: len(self._answers) >= goal, _READY_SECONDS)
            await until(lambda: len(bench.servers) >= NODES, _READY_SECONDS)
        except BaseException:
            self._say(f"{bench.log_end()}\nmodel servers alive: {bench.servers}")
            raise

    async def _inject(self, kind: str, bench: Bench, cluster: RayNodes, alive: list[int]) -> None:
        what, _, how = kind.partition(": ")
        self._injected[kind] += 1
        if what in ("node", "raylet"):
            node = alive.pop(self._random.randrange(len(alive)))
            if how == "freeze":
                self._thaw_later(cluster.freeze_node(node))
            elif what == "node":
                cluster.kill_node(node)
            else:
                cluster.kill_raylet(node)
            await asyncio.to_thread(cluster.add_node)
            alive.append(len(cluster.raylets) - 1)
            return
        if what == "actor":
            pid = self._random.choice(replica_processes())
        elif what == "server":
            pid = self._random.choice(bench.servers)
        else:
            pid = bench.driver() if what == "driver" else bench.box.daemon()
        os.kill(pid, signal.SIGSTOP if how == "freeze" else signal.SIGKILL)
        if what == "daemon" and how == "freeze":
            self._thaw_later([pid])

    def _thaw_later(self, processes: list[int]) -> None:
        async def thaw() -> None:
            try:
                await asyncio.sleep(_FROZEN_SECONDS)
            finally:
                for pid in processes:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGCONT)

        task = asyncio.create_task(thaw())
        self._owed.add(task)

    async def _judge(self, bench: Bench) -> None:
        completed = {str(it["text"]) for it in bench.noted("completed")}
        for number, text in self._answers.items():
            if text.strip() not in {it.strip() for it in completed} and text:
                self.troubles.append(f"WRONG: {self._given[number]} has {text!r}, never completed")
        ends = Counter(bench.box.records("finished"))
        self.troubles += [f"DOUBLED: {it} finished {n} times" for it, n in ends.items() if n > 1]
        ended = {*ends, *bench.box.records("failed")}
        self.troubles += [f"LOST: {self._given[it]}" for it in self._given if it not in ended]
        repeated = len(bench.noted("begun")) - len(self._given)
        lost = sum(LOST[kind] * times for kind, times in self._injected.items())
        self._say(
            f"{len(self._given)} jobs, {sum(self._injected.values())} faults, {lost} replicas lost, "
            f"{repeated} requests begun again: {repeated / max(lost * SLOTS, 1):.2f} of what they worked on"
        )
        if repeated > lost * SLOTS:
            self.troubles.append(f"REPEATED: {repeated} requests, and {lost} replicas were lost")
        async with bench.box.visited() as app:
            await app.send(Stop(only_idle=False))
            await app.hung_up()
        left = [*bench.servers, *replica_processes()]
        deadline = time.monotonic() + 90
        while any(map(is_alive, left)) and time.monotonic() < deadline:  # noqa: ASYNC110 - of processes
            await asyncio.sleep(0.1)
        self.troubles += [f"LEFT: process {pid}: {_command(pid)}" for pid in left if is_alive(pid)]


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def _new_box(folder: Path) -> Box:
    runner = build_runner()
    file = folder / runner.name
    file.write_bytes(runner.data)
    return Box(file, runner.hash, Setup(str(folder / "root"), "sketch", "", 60.0), sys.executable)


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ray", dir=folder) as made:
        yield Path(made)
