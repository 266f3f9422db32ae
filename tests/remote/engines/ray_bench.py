"""A bench for the engine `ray`: a real daemon, a real cluster, and model servers that keep an account."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from remote.paths import make_daemon_paths
from remote.protocol import (
    Failed,
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
from tests.support.ray_clusters import is_alive
from tests.support.ray_clusters import replicas as replicas_left
from tests.support.ray_environment import RAY
from tests.support.waiting import until, wait_until

SLOTS = 4
JOBS = 60
_PATIENCE = 120.0


class Bench:
    """A box on a cluster, with the account of its model servers."""

    def __init__(self, box: Box, account: Path) -> None:
        self.box = box
        self.account = account
        self._noted: dict[str, list[dict[str, object]]] = defaultdict(list)
        self._read = 0
        """Bytes of the account that were read. It grows for hours, and a wait looks at it often."""

    def noted(self, event: str) -> list[dict[str, object]]:
        """What the model servers have noted."""
        if self.account.exists():
            with self.account.open("rb") as file:
                file.seek(self._read)
                more = file.read()
            whole = more[: more.rfind(b"\n") + 1]
            self._read += len(whole)
            for line in map(json.loads, whole.splitlines()):
                self._noted[line["event"]].append(line)
        return self._noted[event]

    def log_end(self) -> str:
        """The last lines of the daemon's log, in which driver and replicas speak, too."""
        return "\n".join(self.box.place.log.read_text("utf-8", "replace").splitlines()[-80:])

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


@contextlib.contextmanager
def ray_bench(
    box: Box,
    folder: Path,
    address: str,
    *,
    replicas: int = 0,
    engine: str = "vllm",
    idle_timeout: float = 60.0,
) -> Iterator[Bench]:
    """A bench whose replicas are on the cluster at this address; what runs there ends with the block."""
    account = folder / "account"
    vllm = VllmSetup(
        command=(sys.executable, stand_in.__file__),
        format="auto",
        max_model_len=4096,
        max_num_seqs=SLOTS,
        images=2,
        tensor_parallel_size=1,
        gpu_memory_utilization=0.9,
        env=(f"{stand_in.LOG}={account}", f"{stand_in.PACE}=0.2"),
    )
    made = box.with_setup(
        engine="ray",
        model="m",
        idle_timeout=idle_timeout,
        vllm=vllm,
        patience=Patience(30.0, 30.0),
        ray=RaySetup(address, replicas, engine, str(RAY.program("python"))),
    )
    try:
        yield Bench(made, account)
    finally:
        made.kill()
        wait_until(lambda: not replicas_left())
        for place in (Path(made.setup.root) / "replicas").glob("*"):
            make_daemon_paths(str(place)).lock.unlink(missing_ok=True)


def job(name: str, serves: str) -> Submit:
    request = Request("transfer1", "m", "", name, (), Sampling(0.6, 300, seed=1), engine=serves)
    return submit(request, ())


async def run_batch(bench: Bench, disturb: Callable[[], None]) -> dict[str, str]:
    """Have all jobs done, with one disturbance in the middle. Returns the answers by their prompts."""
    answers: dict[str, str] = {}
    jobs: dict[str, str] = {}
    is_disturbed = False
    async with asyncio.timeout(_PATIENCE):
        while len(answers) < JOBS:
            async with bench.box.visited() as app:
                assert app.welcome is not None
                submits = [job(f"job {n}", app.welcome.serves) for n in range(JOBS)]
                jobs |= {it.job: it.request.prompt for it in submits}
                await app.send(*submits)
                with contextlib.suppress(ConnectionError):
                    async for prompt, text in _ends(app, jobs):
                        assert prompt not in answers or answers[prompt] == text
                        answers[prompt] = text
                        if len(answers) >= JOBS // 4 and not is_disturbed:
                            is_disturbed = True
                            disturb()
                        if len(answers) == JOBS:
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
    await until(lambda: not bench.servers and not replicas_left(), 60)


def check(bench: Bench, answers: dict[str, str], lost_slots: int, jobs: int = JOBS) -> None:
    """Each answer is one that a model server has completed; only what was in flight was begun twice."""
    completed = {str(it["text"]) for it in bench.noted("completed")}
    assert set(answers.values()) <= completed
    assert len(set(answers.values())) == jobs
    repeated = len(bench.noted("begun")) - jobs
    assert repeated <= lost_slots, f"{repeated} requests were begun again"
