"""Measures the change between two frames: how the camera moves, what moves in the view, whether there is a
cut.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from remote.engines.sketch.align import (
    Plane,
    Shift,
    Zoom,
    correlate,
    find_shift,
    find_zoom,
    fit_at,
    overlap,
    pyramid,
    span_of_support,
    to_plane,
)
from remote.engines.sketch.drift import Drift, find_drift
from remote.engines.sketch.grid import GridPicture

GOOD_FIT = 0.55
"""Correlation from which two frames show the same view."""

_CUT_FIT = 0.45
_CUT_COLOURS = 0.3
_BETTER = 0.6
"""A moving view must leave at most this share of the misfit of a view that stands still."""
_DOUBT = 0.5
"""The better a fit must be, the less of the two frames overlaps: 0.05 for each tenth."""
_SPAN = 0.75
"""Share of the picture over which a shift must be seen to be the view's own."""
_FEW = 0.3
"""Share of changed cells below which the view is taken to be the same, even an empty one."""
_CHANGED = 22
"""Of 255; by how much a cell must differ in luma or in any channel to count as changed."""
_LEAST_SHIFT = 0.012
"""Share of the frame that a view must shift to count as moving."""


class View(Enum):
    """What the camera does between two frames, as far as the pictures tell."""

    STILL = "still"
    SHIFTS = "shifts"
    NEARS = "nears"
    """What is in the middle becomes larger."""
    RECEDES = "recedes"
    CUT = "cut"
    UNCLEAR = "unclear"
    """Neither the same view nor surely another one: flat pictures, or much that changes."""


@dataclass(frozen=True)
class FrameChange:
    """From one frame to the next."""

    view: View
    seconds: float
    """Between the frames; 0 when their times do not say."""
    right: float
    """How far what is seen shifts, as a share of the width; negative is to the left."""
    down: float
    """The same for the height; negative is up."""
    scale: float
    """How much larger what is seen becomes; 1 unless the view nears or recedes."""
    moving: float
    """Share of the picture, 0 to 1, that changes beside the motion of the view itself."""
    where: tuple[float, ...]
    """Of that, the share in each ninth of the later frame, row by row; empty when nothing moves."""
    drift: Drift | None
    """Which way things move in a view that stands still; None when nothing clear can be said."""
    brighter: float
    """Change of mean luma, -1 to 1."""


def compare(earlier: GridPicture, later: GridPicture, seconds: float) -> FrameChange:
    """What happens between two frames. Frames of different shape compare as a cut."""
    brighter = (_mean(later.luma) - _mean(earlier.luma)) / 255
    if (earlier.columns, earlier.rows) != (later.columns, later.rows):
        return FrameChange(View.CUT, seconds, 0, 0, 1, 0, (), None, brighter)
    one = pyramid(to_plane(earlier.luma, earlier.columns))
    other = pyramid(to_plane(later.luma, later.columns))
    shift = find_shift(one, other)
    zoom = find_zoom(one[1], other[1])
    view = _moving_view(one[2], other[2], shift, zoom) or _other_view(earlier, later)
    right = shift.right / earlier.columns if view is View.SHIFTS else 0.0
    down = shift.down / earlier.rows if view is View.SHIFTS else 0.0
    scale = zoom.scale if view in (View.NEARS, View.RECEDES) else 1.0
    moving: float = 0
    where: tuple[float, ...] = ()
    drift = None
    if view is View.STILL:
        moving, where = _moving(earlier, later, 0, 0)
        drift = find_drift(one[1], other[1])
    elif view is View.SHIFTS:
        moving, where = _moving(earlier, later, shift.right, shift.down)
    seconds = max(0.0, seconds)
    return FrameChange(view, seconds, right, down, scale, moving, where, drift, brighter)


def colour_distance(earlier: GridPicture, later: GridPicture) -> float:
    """How differently two frames are coloured: 0 alike, 1 no colour in common.

    Half the summed difference of histograms of 4 levels a channel.
    """
    one, other = _histogram(earlier), _histogram(later)
    cells = max(1, earlier.columns * earlier.rows)
    return sum(abs(one[key] - other[key]) for key in one.keys() | other.keys()) / (2 * cells)


def _moving_view(earlier: Plane, later: Plane, shift: Shift, zoom: Zoom) -> View | None:
    """What the camera does if it surely moves; None if not."""
    misfit = _BETTER * (1 - fit_at(earlier, later, 0, 0))
    if zoom.fit >= GOOD_FIT and 1 - zoom.fit < min(misfit, 1 - shift.fit):
        return View.NEARS if zoom.scale > 1 else View.RECEDES
    right, down = abs(shift.right) / earlier.columns, abs(shift.down) / earlier.rows
    uncovered = 1 - (1 - right) * (1 - down)
    if shift.fit < GOOD_FIT + _DOUBT * uncovered or 1 - shift.fit >= misfit:
        return None
    if max(right, down) < _LEAST_SHIFT:
        return None
    if span_of_support(earlier, later, shift.right, shift.down) < _SPAN:
        return None  # a thing moves before an empty background, not the view
    return View.SHIFTS


def _other_view(earlier: GridPicture, later: GridPicture) -> View:
    """What a camera does that does not move."""
    still = correlate(list(earlier.luma), list(later.luma))
    distance = colour_distance(earlier, later)
    changed = sum(abs(a - b) > _CHANGED for a, b in zip(earlier.luma, later.luma, strict=True))
    if still >= GOOD_FIT or (changed < _FEW * len(later.luma) and distance < _CUT_COLOURS):
        return View.STILL
    if still < _CUT_FIT and distance > _CUT_COLOURS:
        return View.CUT
    return View.UNCLEAR


def _moving(
    earlier: GridPicture, later: GridPicture, right: int, down: int
) -> tuple[float, tuple[float, ...]]:
    """Which share of the overlap differs, and the share of that in each ninth of the later frame."""
    differences = [
        _differences(to_plane(one, earlier.columns), to_plane(other, later.columns), right, down)
        for one, other in (
            (earlier.red, later.red),
            (earlier.green, later.green),
            (earlier.blue, later.blue),
        )
    ]
    width = later.columns - abs(right)
    x0, y0 = max(0, right), max(0, down)
    ninths = [0] * 9
    for at, difference in enumerate(map(max, *differences)):
        if difference > _CHANGED:
            row, column = y0 + at // width, x0 + at % width
            ninths[3 * (3 * row // later.rows) + 3 * column // later.columns] += 1
    changed = sum(ninths)
    if not changed:
        return 0.0, ()
    return changed / len(differences[0]), tuple(count / changed for count in ninths)


def _differences(earlier: Plane, later: Plane, right: int, down: int) -> list[float]:
    """Cell by cell over the overlap, without what changes in the whole view at once."""
    one, other = overlap(earlier, later, right, down)
    common = (sum(other) - sum(one)) / len(one)
    return [abs(b - a - common) for a, b in zip(one, other, strict=True)]


def _histogram(picture: GridPicture) -> Counter[int]:
    return Counter(
        (r & 0xC0) | (g & 0xC0) >> 2 | (b & 0xC0) >> 4
        for r, g, b in zip(picture.red, picture.green, picture.blue, strict=True)
    )


def _mean(values: bytes) -> float:
    return sum(values) / len(values)
