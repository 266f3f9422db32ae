"""`upsample demo`: upsample three clips, with specs in three formats, on the embedded box."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.box import ROUNDED
from rich.table import Table
from rich.text import Text

from backend.box.asker import UnattendedAsker
from backend.box.links.link import Box, JournalCursor, open_link
from backend.box.setup import make_box
from backend.commands.demo_clips import CLIPS, EXAMPLE_CLIPS
from backend.commands.verdict_text import verdict_text
from backend.config import EngineName, Settings, load_settings
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
from backend.store import State, Store
from backend.tokens import TextCounter
from backend.video.clips import draw_clips
from remote.protocol import Stop

_BOX = "local"
_STOP_SECONDS = 60.0
_MODEL_RESERVE = 160
"""Tokens of an answer: the small model soon repeats itself, and takes long without a GPU."""


def draw_clips_into(folder: Path) -> ExitCode:
    """Draw the clips that the specs in examples/ name."""
    for path in draw_clips(EXAMPLE_CLIPS, folder):
        write_line(str(path))
    return ExitCode.OK


def run_demo(*, with_model: bool = False) -> ExitCode:
    """Draw clips, upsample their prompts and show the results, in a temporary folder.

    With a model, the engine `llama` writes them, as the embedded box is set up for it.
    """
    with tempfile.TemporaryDirectory(prefix="upsample-demo-") as name:
        return asyncio.run(_demo(Path(name).resolve(), with_model))


async def _demo(folder: Path, with_model: bool) -> ExitCode:
    say("Drawing three clips with ffmpeg …")
    await asyncio.to_thread(draw_clips, CLIPS, folder)
    specs = write_specs(folder)
    settings = _settings(folder, with_model)
    store = Store(folder / "queue.db")
    box = _embedded_box(settings, folder)
    try:
        found = scan(specs, folder)
        batch = Batch(_BOX, settings.boxes[_BOX], settings.upsampling, folder / "outputs")
        jobs = store.queue(make_jobs(found.specs, specs, batch))
        say("Deploying the runner to the embedded box, over SSH on loopback …")
        await Dispatcher(store, box, UnattendedAsker(), _narrator()).run(jobs)
        ended = store.jobs(job.number for job in jobs)
        results = [load_result(store, job) for job in ended if job.state is State.DONE]
        for result in results:
            _show(result, settings)
        say(f"{len(results)} of {len(ended)} prompts upsampled. {_explain(results, with_model)}")
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


def _settings(folder: Path, with_model: bool) -> Settings:
    """Return the user's settings, changed so that the demo uses only the embedded box and its folder."""
    engine = EngineName.LLAMA if with_model else EngineName.SKETCH
    own = load_settings().boxes[_BOX]
    model = own.model if with_model and own.engine is engine else ""
    settings = load_settings({"boxes": {_BOX: {"host": "", "engine": engine, "model": model}}})
    changes: dict[str, object] = {"hint_video_dir": folder / "hint_videos"}
    if with_model:
        changes["reserve"] = _MODEL_RESERVE
    upsampling = settings.upsampling.model_copy(update=changes)
    return settings.model_copy(update={"upsampling": upsampling})


def _embedded_box(settings: Settings, folder: Path) -> Box:
    box = make_box(_BOX, settings.boxes[_BOX], settings)
    return replace(box, setup=replace(box.setup, root=str(folder / "box")))


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
    facts.add_row("reserve", f"{budget.reserve:,}, kept free for the answer")
    facts.add_row("verdict", verdict_text(budget.verdict))
    beside = Table(box=ROUNDED, expand=True, title=_title(result), title_style="bold")
    beside.add_column("prompt", ratio=2)
    beside.add_column("upsampled prompt", ratio=5)
    beside.add_column("budget", width=24)
    beside.add_row(Text(safe(result.job.prompt)), Text(safe(result.prompt)), facts)
    out().print(beside)


def _title(result: Result) -> Text:
    """Return the title of a result's table: its name, and who wrote the prompt."""
    writer = result.provenance["model"] or f"{result.answer.engine}, without a model"
    return Text(safe(f"{result.job.name}, by {writer}"))


def _explain(results: Sequence[Result], with_model: bool) -> str:
    """Say who wrote the prompts, and how to go on."""
    if not with_model:
        return (
            "No language model wrote these texts: the embedded box runs `sketch`, which describes what it "
            "measures in the frames. For a model, set up a GPU box: upsample box add"
        )
    written = {safe(str(result.provenance["written_by"])) for result in results}
    go_on = f"It writes for you, too: upsample config set boxes.{_BOX}.engine {EngineName.LLAMA}"
    return " ".join([*sorted(written), *([go_on] if written else [])])
