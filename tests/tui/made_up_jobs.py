"""Jobs, and what is heard of them, made up for the queue page."""

from __future__ import annotations

from pathlib import Path

from backend.events import (
    BoxStatus,
    EngineStarting,
    JobDone,
    JobFailed,
    JobPaused,
    JobPrepared,
    JobSent,
    JobStarted,
    LinkChanged,
    LinkState,
    TextWritten,
)
from backend.store import Job, State
from remote.protocol import EngineLoad, Gpu, PartLoad, ReplicaStatus
from tui.app import UpsampleApp

NAMES = ("light_drizzle", "dusk_haze", "polished", "city_night", "[/x] 漢字の街", "wet_asphalt")
TEXT = (
    "The video opens on a city street in a light drizzle. Thin rain draws fine, slanted lines in "
    "front of the dark facades, and every lamp carries a soft halo. The asphalt is wet and mirrors "
    "the red and amber of the traffic lights in long, broken streaks that tremble as cars pass. "
)


class Clock:
    """Stands still unless a test moves it."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def made_job(number: int, state: State = State.QUEUED, name: str = "", box: str = "h100") -> Job:
    return Job(
        key=f"key{number}", box=box, file=Path(f"/made/up/city/{number}.json"), entry=0,
        name=name or NAMES[number % len(NAMES)], prompt="dusk", video=None, candidate=0, seed=0,
        settings="{}", destination=Path(f"/made/up/outputs/{number}.json"), number=number,
        state=state, identity=None, estimate=3795, error="", attempts=0, queued=0.0, changed=0.0,
        place=float(number),
    )  # fmt: skip


def take_up(app: UpsampleApp, count: int) -> Clock:
    """So many jobs that wait, on a clock of their own."""
    clock = Clock()
    app.live.clock = clock
    app.live.take_up(made_job(number) for number in range(1, count + 1))
    return clock


def begin(app: UpsampleApp, clock: Clock, number: int, pieces: int, seconds: float) -> None:
    """The job is sent, and so much of its text comes in that time."""
    name = app.live.jobs[number].job.name
    app.hear(JobPrepared(number, name, "910x512", 2, 3795, 812_345))
    app.hear(JobSent(number, name))
    app.hear(JobStarted(number, name, 1))
    clock.now += 0.8
    words = (TEXT * 4).split(" ")[:pieces]
    offset = 0
    for word in words:
        app.hear(TextWritten(number, offset, f"{word} "))
        offset += len(word) + 1
        clock.now += seconds / pieces


def running(app: UpsampleApp) -> None:
    """Three done, one failed, two at work, one paused, the others wait."""
    clock = take_up(app, 12)
    app.hear(LinkChanged("h100", LinkState.LIVE, "vllm 0.32.0"))
    gpu = Gpu(0, "NVIDIA H100 80GB HBM3", 62 << 30, 80 << 30, 71.0)
    app.hear(BoxStatus("h100", 1.0, "ready", 0, 2, None, (gpu,)))
    for number in (1, 2, 3):
        begin(app, clock, number, 60, 2.0)
        done = JobDone(number, "x", TEXT, "stop", "vllm 0.32.0", 2.8, 3795, 61)
        app.hear(done)
    begin(app, clock, 4, 5, 0.5)
    app.hear(
        JobFailed(
            4,
            "x",
            "the engine refused it: the prompt takes 4,699 tokens, and the context is 4,096 long\n"
            "  Send smaller frames: --resize auto.",
        )
    )
    begin(app, clock, 5, 110, 2.6)
    begin(app, clock, 6, 40, 1.1)
    app.hear(JobPrepared(7, "x", "910x512", 2, 3795, 812_345))
    app.hear(JobPaused(9, "x"))


def loading(app: UpsampleApp) -> None:
    """The model is on its way up."""
    clock = take_up(app, 4)
    app.hear(LinkChanged("h100", LinkState.LIVE, "vllm"))
    for stage, seconds in (("starting", 4.0), ("loading weights", 58.0), ("compiling", 11.0)):
        app.hear(EngineStarting("h100", stage))
        clock.now += seconds
    app.hear(JobPrepared(1, "x", "910x512", 2, 3795, 812_345))
    app.hear(JobSent(1, "x"))


def unreachable(app: UpsampleApp) -> None:
    """The box is away."""
    clock = take_up(app, 3)
    app.hear(
        LinkChanged("h100", LinkState.RETRYING, "h100 cannot be reached: no route to host", 12.0)
    )
    clock.now += 3


REPLICAS = (
    ReplicaStatus("0", "ready", "", "gpu-node-a", "0,1", 16, 14),
    ReplicaStatus("1", "ready", "", "gpu-node-a", "2,3", 16, 3, 1),
    ReplicaStatus("2", "starting", "loading weights", "gpu-node-b", "0,1", 0, 0, 2),
    ReplicaStatus("3", "draining", "", "gpu-node-b", "2,3", 16, 2),
    ReplicaStatus("4", "drained", "", "gpu-node-c"),
    ReplicaStatus(
        "5", "refused", "it serves vllm 3f9a, and the others serve vllm 81c0", "gpu-node-c"
    ),
    ReplicaStatus(
        "6", "placing", "no node of the cluster is free for a replica: something else uses its GPUs"
    ),
)


def replicated(app: UpsampleApp) -> None:
    """Two boxes, of which one has seven replicas, and the other a vLLM with two engines."""
    app.live.clock = Clock()
    app.live.take_up(made_job(number, box="lab") for number in (1, 2))
    app.hear(LinkChanged("h100", LinkState.LIVE, "vllm 0.32.0"))
    engines = (PartLoad("0", 5, 0, 0.25, 210.0), PartLoad("1", 4, 0, 0.1))
    app.hear(BoxStatus("h100", 1.0, "ready", 0, 9, EngineLoad(9, 0, parts=engines), (), 32))
    app.hear(LinkChanged("lab", LinkState.LIVE, "ray 2.60.0 · vllm 0.32.0"))
    parts = (
        PartLoad("0", 14, 0, 0.62, 1_204.4),
        PartLoad("1", 3, 0, 0.07, 188.0),
        PartLoad("3", 2),
    )
    stage = "ready: 2 of 7 replicas · 3 nodes"
    app.hear(BoxStatus("lab", 1.0, stage, 2, 19, EngineLoad(19, 0, parts=parts), (), 32, REPLICAS))
