"""`upsample demo`: upsample three clips, with specs in three formats, on the embedded box."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.box import ROUNDED
from rich.table import Table
from rich.text import Text

from backend.box.asker import UnattendedAsker
from backend.box.link import Box, JournalCursor, open_link
from backend.commands.demo_clips import CLIPS, EXAMPLE_CLIPS
from backend.commands.verdict_text import verdict_text
from backend.config import Settings, load_settings
from backend.console import out, safe, say, write_line
from backend.dispatch.dispatcher import Dispatcher
from backend.errors import BoxError
from backend.events import Event, JobDone, JobFailed, JobPrepared, LinkChanged, LinkState
from backend.exit_codes import ExitCode
from backend.planning.orders import Batch, make_jobs
from backend.planning.plan import Planner
from backend.results.writing import Result, load_result
from backend.specs.media import ShownMedia
from backend.specs.scan import scan
from backend.store import Job, State, Store
from backend.tokens import TextCounter
from backend.video.clips import draw_clips
from remote.protocol import Setup, Stop

_BOX = "local"
_STOP_SECONDS = 60.0


def draw_clips_into(folder: Path) -> ExitCode:
    """Draw the clips that the specs in examples/ name."""
    for path in draw_clips(EXAMPLE_CLIPS, folder):
        write_line(str(path))
    return ExitCode.OK


def run_demo() -> ExitCode:
    """Draw clips, upsample their prompts and show the results, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="upsample-demo-") as name:
        return asyncio.run(_demo(Path(name).resolve()))


async def _demo(folder: Path) -> ExitCode:
    say("Drawing three clips with ffmpeg …")
    await asyncio.to_thread(draw_clips, CLIPS, folder)
    specs = write_specs(folder)
    settings = _settings(folder)
    store = Store(folder / "queue.db")
    box = Box(_BOX, "", _setup(settings, folder))
    try:
        found = scan(specs, folder)
        batch = Batch(_BOX, settings.boxes[_BOX], settings.upsampling, folder / "outputs")
        jobs = store.queue(make_jobs(found.specs, specs, batch))
        say("Deploying the runner to the embedded box, over SSH on loopback …")
        await Dispatcher(store, box, UnattendedAsker(), _narrator()).run(jobs)
        ended = store.jobs(job.number for job in jobs)
        for job in ended:
            if job.state is State.DONE:
                _show(load_result(store, job), settings)
        _explain(ended)
        return ExitCode.OK if all(j.state is State.DONE for j in ended) else ExitCode.SOME_FAILED
    finally:
        store.close()
        # The daemon works in the temporary folder, which is deleted next.
        with contextlib.suppress(TimeoutError, BoxError):
            await asyncio.shield(asyncio.create_task(_stop(box)))


def write_specs(folder: Path) -> list[Path]:
    """Write a spec for each of the three clips in `folder`, each spec in another format."""
    specs: dict[str, object] = {
        "harbour.json": {
            "id": "ps_0000000demo1",
            "name": "harbour",
            "prompt": "A harbour at dusk, cranes against a warm sky",
            "negative_prompt": "",
            "input_video_path": str(folder / "harbour.mp4"),
            "control_inputs": {},
            "timestamp": "2026-01-01T00:00:00Z",
            "is_upsampled": False,
            "parent_prompt_text": None,
            "metadata": {},
        },
        "forklift.json": {
            "prompt": "a forklift crosses a warehouse hall",
            "input_video_path": str(folder / "forklift.mp4"),
            "edge": {"control_weight": 1.0},
        },
        "street.json": {
            "name": "street",
            "prompt": "lights drift through a street at night",
            "video_path": "street.mp4",
            "guidance": 3,
            "vis": {"control_weight": 0.5},
        },
    }
    paths = []
    for file, spec in specs.items():
        path = folder / file
        path.write_text(json.dumps(spec, indent=2) + "\n", encoding="utf-8")
        paths.append(path)
    return paths


def _settings(folder: Path) -> Settings:
    """Return the user's settings, changed so that the demo uses only the embedded box and its folder."""
    settings = load_settings({"boxes": {_BOX: {"host": "", "engine": "sketch", "model": ""}}})
    upsampling = settings.upsampling.model_copy(update={"hint_video_dir": folder / "hint_videos"})
    return settings.model_copy(update={"upsampling": upsampling})


def _setup(settings: Settings, folder: Path) -> Setup:
    return Setup(str(folder / "box"), "sketch", "", settings.boxes[_BOX].idle_timeout)


async def _stop(box: Box) -> None:
    async with (
        asyncio.timeout(_STOP_SECONDS),
        open_link(box, UnattendedAsker(), JournalCursor()) as link,
    ):
        await link.send(Stop(only_idle=False))
        async for _ in link.messages():
            pass


def _narrator() -> Callable[[Event], None]:
    def hear(event: Event) -> None:
        match event:
            case LinkChanged() if event.state is LinkState.LIVE:
                say(f"Connected; the engine is {event.detail}.")
            case JobPrepared():
                say(
                    f"  {event.name}: {event.frames} frames at {event.size}, {event.prompt_tokens:,} tokens"
                )
            case JobDone():
                say(f"  {event.name}: done in {event.seconds:.1f} s")
            case JobFailed():
                say(f"  {event.name}: failed, {event.error}")

    return hear


def _show(result: Result, settings: Settings) -> None:
    planner = Planner(settings.upsampling, TextCounter())
    job = result.job
    plan = planner.plan(job.prompt, ShownMedia(job.video, job.controls, job.media), job.target)
    budget = plan.budget
    if budget is None or plan.video is None:
        return
    facts = Table.grid(padding=(0, 1))
    facts.add_column()
    facts.add_column(justify="right")
    facts.add_row("source", str(plan.video.size))
    facts.add_row("sent as", f"{plan.frames} × {plan.size}")
    facts.add_row("text", f"{budget.text:,} tokens")
    facts.add_row("vision", f"{budget.vision:,} tokens")
    facts.add_row("prompt", f"{budget.prompt_tokens:,} of {budget.limit:,}")
    facts.add_row("answer", f"{budget.reserve:,} kept free")
    facts.add_row("verdict", verdict_text(budget.verdict))
    beside = Table(box=ROUNDED, expand=True, title=result.job.name, title_style="bold")
    beside.add_column("prompt", ratio=2)
    beside.add_column("upsampled prompt", ratio=5)
    beside.add_column("budget", width=24)
    beside.add_row(Text(safe(result.job.prompt)), Text(safe(result.prompt)), facts)
    out().print(beside)


def _explain(jobs: Sequence[Job]) -> None:
    done = sum(job.state is State.DONE for job in jobs)
    say(
        f"{done} of {len(jobs)} prompts upsampled. No language model wrote these texts: the embedded "
        "box runs `sketch`, which describes what it measures in the frames. For a model, set up a GPU "
        "box: upsample config set boxes.NAME.host HOST"
    )
