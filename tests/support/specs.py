"""Small clips, and spec files in three formats that look at them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backend.video.clips import Clip, draw_clips

_SMALL = ("mandelbrot=s={}:r=12", "testsrc2=s={}:r=12", "rgbtestsrc=s={}:r=12,hue=H=t")


def draw_three_clips(folder: Path, size: str) -> list[Path]:
    """Three clips of a second each."""
    clips = [Clip(f"clip{n}.mp4", graph.format(size), 1.0) for n, graph in enumerate(_SMALL)]
    return draw_clips(clips, folder)


def draw_noise(folder: Path) -> Path:
    """A clip whose frames hardly compress."""
    graph = "nullsrc=s=640x480:r=12,geq=random(1)*255:128:128"
    return draw_clips([Clip("noise.mp4", graph, 0.5)], folder)[0]


def write_three_formats(folder: Path, clips: list[Path]) -> list[Path]:
    """A PromptSpec, a Transfer1 control spec and a Transfer2.5 spec, with keys that we do not know."""
    specs: dict[str, dict[str, Any]] = {
        "dusk.json": {
            "id": "ps_0123456789ab",
            "name": "dusk",
            "prompt": "Warm dusk",
            "negative_prompt": "",
            "input_video_path": str(clips[0]),
            "control_inputs": {},
            "timestamp": "2025-09-03T07:55:25Z",
            "is_upsampled": False,
            "parent_prompt_text": None,
            "metadata": {"mood": "calm"},
        },
        "crates.json": {
            "prompt": "a forklift moves crates",
            "input_video_path": str(clips[1]),
            "edge": {"control_weight": 1.0},
            "sigma_max": 70,
        },
        "dock.json": {
            "name": "dock",
            "prompt": "a dock in the rain",
            "video_path": str(clips[2]),
            "guidance": 3,
            "vis": {"control_weight": 0.5},
        },
    }
    return [write_spec(folder / name, spec) for name, spec in specs.items()]


def write_batch(folder: Path, clips: list[Path], count: int) -> list[Path]:
    """So many Transfer1 specs, each with a prompt of its own, that share the clips."""
    return [
        write_spec(
            folder / f"spec{n:02}.json",
            {"prompt": f"scene number {n}", "input_video_path": str(clips[n % len(clips)])},
        )
        for n in range(count)
    ]


def write_spec(file: Path, spec: object) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(spec, indent=2) + "\n", encoding="utf-8")
    return file
