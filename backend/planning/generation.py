"""Works out what is to be made of a prompt, from what the spec says and from the media that it shows.

Sizes and defaults: NVIDIA/cosmos-framework, cosmos_framework/inference/args.py.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Literal

from backend.generation import Generation
from backend.sizes import COSMOS3_SIZES, AspectRatio, Size, detect_aspect_ratio
from backend.specs.model import Mode, Target
from backend.video import Video

_DEFAULT_RESOLUTION = 720
_DEFAULT_FRAMES = 189
_DEFAULT_FPS = 24.0
_NUMBER = re.compile(r"[0-9]{1,5}")
_PAIR = re.compile(r"(\d{1,5})\s*[,:x]\s*(\d{1,5})")
_LONGEST = 1e9
"""Seconds of the longest video that a spec can say."""
_IMAGES = (Mode.TEXT2IMAGE, Mode.IMAGE2IMAGE)
_LISTED = {
    size: (str(name), aspect) for name, row in COSMOS3_SIZES.items() for aspect, size in row.items()
}
"""The resolution and the ratio under which each size of Cosmos 3 stands in its table."""


def generation_of(
    target: Target, shown: Video | None, source: Literal["", "image", "video"] = ""
) -> Generation:
    """Return what is to be made. `shown` is the video or image that it follows; None for none.

    A transfer has the size, frames and frame rate of its control; elsewhere, the spec's own count, and then
    what Cosmos 3 does where it says nothing.
    """
    follows = shown if target.mode is Mode.TRANSFER else None
    size = follows.size if follows and target.resolution is None else _size_of(target, shown)
    made = Generation(
        target.mode or "",
        size,
        aspect_ratio_of(size),
        0.0,
        0.0,
        _LISTED[size][0] if size in _LISTED else "",
        source,
    )
    if target.mode in _IMAGES or target.num_frames == 1:
        return made
    fps = target.fps or (follows.fps if follows else 0.0) or _DEFAULT_FPS
    frames = target.num_frames or (follows.frames if follows else 0) or _DEFAULT_FRAMES
    return replace(made, fps=float(fps), seconds=min(frames / fps, _LONGEST))


def aspect_ratio_of(size: Size) -> str:
    """Return the sides as Cosmos 3 writes their ratio: "16,9".

    A size of its table has the ratio under which it stands there, which its pixels only come close to.
    """
    if size in _LISTED:
        return _LISTED[size][1].value.replace(":", ",")
    divisor = math.gcd(size.width, size.height)
    return f"{size.width // divisor},{size.height // divisor}"


def _size_of(target: Target, shown: Video | None) -> Size:
    text = target.resolution or ""
    if pair := _PAIR.fullmatch(text):
        height, width = map(int, pair.groups())  # in this order, as Predict2.5 writes it
        return Size(max(1, width), max(1, height))
    row = COSMOS3_SIZES.get(int(text) if _NUMBER.fullmatch(text) else _DEFAULT_RESOLUTION)
    return (row or COSMOS3_SIZES[_DEFAULT_RESOLUTION])[_aspect_of(target, shown)]


def _aspect_of(target: Target, shown: Video | None) -> AspectRatio:
    if pair := _PAIR.fullmatch(target.aspect_ratio or ""):
        return detect_aspect_ratio(max(1, int(pair[1])), max(1, int(pair[2])))
    return detect_aspect_ratio(shown.size.width, shown.size.height) if shown else AspectRatio.WIDE
