"""Everything that is measured in the frames of one request, as one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from remote.engines.sketch.appearance import (
    Detail,
    Light,
    Palette,
    measure_detail,
    measure_light,
    measure_palette,
)
from remote.engines.sketch.grid import GridPicture
from remote.engines.sketch.motion import FrameChange, compare


@dataclass(frozen=True)
class Measurements:
    """What the frames show; only what was measured."""

    width: int
    """Pixels of the first frame."""
    height: int
    """Pixels of the first frame."""
    light: Light
    palette: Palette
    detail: Detail
    changes: tuple[FrameChange, ...]
    """From each frame to the next; empty for a single frame."""


def measure(pictures: Sequence[GridPicture], times: Sequence[float]) -> Measurements:
    """Measure at least one frame; `times` are seconds from the start of the video, one a frame."""
    frames = zip(pictures, times, strict=True)
    return Measurements(
        width=pictures[0].width,
        height=pictures[0].height,
        light=measure_light(pictures),
        palette=measure_palette(pictures),
        detail=measure_detail(pictures),
        changes=tuple(
            compare(earlier, later, end - start)
            for (earlier, start), (later, end) in pairwise(frames)
        ),
    )
