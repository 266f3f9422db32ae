"""The work that every contestant does: the same prompts, frames, sizes, seeds and lengths.

Sizes and frames are what this program would choose; the others are told them, and save that work.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from backend.config import Layer, Upsampling, check_layers
from backend.planning.plan import Planner
from backend.specs.media import ShownMedia
from backend.tokens import TextCounter
from backend.video import choose_frames, prepare_frames
from backend.video.clips import Clip, draw_clips

_CLIPS = (
    ("1280x720", "testsrc2=s={}:r=24"),
    ("640x480", "mandelbrot=s={}:r=24"),
    ("960x540", "rgbtestsrc=s={}:r=24,hue=H=t"),
    ("854x480", "testsrc2=s={}:r=24"),
    ("960x960", "gradients=s={}:r=24:seed=3"),
    ("480x640", "mandelbrot=s={}:r=24:start_scale=2"),
    ("1280x704", "life=s={}:r=24:mold=10:seed=7:life_color=0xffd27f"),
    ("768x432", "gradients=s={}:r=24:seed=5"),
)
_SECONDS = 2.0
_SCENES = (
    "a robotic arm hands a coffee cup to a woman in a modern office",
    "a forklift moves wooden crates through a long warehouse",
    "a container ship leaves the harbour behind two tugs",
    "a delivery robot waits at a crossing beside cyclists",
    "two technicians open the door of a server rack",
    "a street market under awnings, seen from a slow drone",
    "an excavator fills a truck at the edge of a quarry",
    "a tram turns into a square lined with plane trees",
)
_LIGHTS = (
    "at dusk", "in heavy rain", "in thick morning fog", "under a low winter sun", "at night, in neon",
    "in light snow", "after a storm", "at noon in a heat haze",
)  # fmt: skip
_MOST = len(_SCENES) * len(_LIGHTS)


@dataclass(frozen=True, slots=True)
class Task:
    """One request."""

    name: str
    prompt: str
    video: str
    """Absolute."""
    size: str
    """That its frames are sent at: "910x512"."""
    indices: tuple[int, ...]
    """Its frames, from 0 in showing order."""
    frames: tuple[str, ...]
    """The same frames as PNG files, drawn by this program before the clock runs."""
    seed: int
    max_tokens: int
    temperature: float
    prompt_tokens: int
    """By our count."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Every request of a run."""

    tasks: tuple[Task, ...]
    kept_frames: Path
    """The folder (`hint_video_dir`) in which this program finds the frames drawn already."""

    def write(self, file: Path) -> None:
        """As JSON, for a program that knows nothing of ours."""
        file.write_text(json.dumps([asdict(task) for task in self.tasks]))


def make_workload(folder: Path, requests: int, answer_tokens: int) -> Workload:
    """Draw the clips, and the frames of every request, into `folder`."""
    if not 1 <= requests <= _MOST:
        raise SystemExit(f"there are prompts for 1 to {_MOST} requests, not {requests}")
    clips = [
        Clip(f"{size}.mp4", graph.format(size), _SECONDS)
        for size, graph in _CLIPS[: max(1, min(len(_CLIPS), requests))]
    ]
    videos = [video.absolute() for video in draw_clips(clips, folder / "videos")]
    settings = upsampling(answer_tokens, folder / "frames")
    return asyncio.run(_plan(settings, videos, requests))


def upsampling(answer_tokens: int, kept_frames: Path) -> Upsampling:
    """The shipped settings with another length of the answer."""
    changes = {"reserve": answer_tokens, "hint_video_dir": str(kept_frames)}
    return check_layers([Layer("the benchmark", {"upsampling": changes})]).upsampling


async def _plan(settings: Upsampling, videos: Sequence[Path], requests: int) -> Workload:
    planner = Planner(settings, TextCounter())
    tasks = []
    for number in range(requests):
        light, scene = divmod(number, len(_SCENES))
        # Neighbours in the queue look at different videos, and each video is seen with each light.
        video = videos[(number + light) % len(videos)]
        tasks.append(await _task(planner, f"{_SCENES[scene]} {_LIGHTS[light]}", video, number))
    return Workload(tuple(tasks), settings.hint_video_dir)


async def _task(planner: Planner, prompt: str, video: Path, number: int) -> Task:
    plan = planner.plan(prompt, ShownMedia(video, names="rgb"))
    if plan.video is None or plan.size is None or plan.budget is None:
        raise SystemExit(f"{video}: {plan.refusal}")
    chosen = choose_frames(plan.video, plan.frames, planner.settings.frame_sampling)
    drawn = await prepare_frames(plan.video, chosen, plan.size, planner.settings.hint_video_dir)
    return Task(
        name=f"task{number:02}",
        prompt=prompt,
        video=str(video),
        size=str(plan.size),
        indices=tuple(frame.index for frame in chosen),
        frames=tuple(str(frame.path) for frame in drawn.frames),
        seed=0,
        max_tokens=planner.settings.reserve,
        temperature=planner.profile.sampling.temperature,
        prompt_tokens=plan.budget.prompt_tokens,
    )
