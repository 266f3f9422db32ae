"""Finds the word for each measured value. It builds no sentences.

The limits were set by looking at office footage, segmentation maps and ffmpeg's test pictures.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from remote.engines.sketch.appearance import Colour, Detail, Light, Palette
from remote.engines.sketch.motion import FrameChange, View


def grade(value: float, limits: Sequence[float], names: Sequence[str]) -> str:
    """The name of the span that a value lies in; there is one name more than limits."""
    return names[bisect_right(limits, value)]


def brightness(light: Light) -> str:
    """From the mean luma."""
    names = ("very dark", "dark", "subdued", "balanced", "bright", "very bright")
    return grade(light.mean, (0.1, 0.22, 0.36, 0.6, 0.78), names)


def contrast(light: Light) -> str:
    """From the range between the 5th and the 95th percentile of luma."""
    return grade(light.spread, (0.25, 0.5, 0.75), ("soft", "moderate", "pronounced", "stark"))


def saturation(palette: Palette) -> str:
    """From the mean OKLab chroma."""
    names = ("neutral", "muted", "moderately saturated", "rich", "vivid")
    return grade(palette.chroma, (0.012, 0.04, 0.08, 0.14), names)


def temperature(palette: Palette) -> str:
    """From the mean lean to yellow or blue."""
    return grade(palette.warmth, (-0.02, 0.02), ("cool", "balanced", "warm"))


def texture(detail: Detail) -> str:
    """From the mean difference of neighbouring cells."""
    return grade(detail.amount, (0.008, 0.03, 0.07), ("smooth", "simple", "detailed", "dense"))


def shape(width: int, height: int) -> str:
    """Of the frame."""
    names = ("tall", "nearly square", "wide", "very wide")
    return grade(width / height, (0.87, 1.15, 2.1), names)


def share(value: float) -> str:
    """A part of the frame, 0 to 1, in words."""
    limits = (0.08, 0.15, 0.22, 0.29, 0.41, 0.6, 0.85)
    names = (
        "a small part",
        "about a tenth",
        "about a fifth",
        "about a quarter",
        "about a third",
        "about half",
        "most",
        "nearly all",
    )
    return grade(value, limits, names)


def main_colours(palette: Palette) -> list[str]:
    """One to three names, the largest first."""
    large = [colour.name for colour in palette.colours[:3] if colour.share >= 0.08]
    return large or [palette.colours[0].name]


def accent(palette: Palette) -> str:
    """A small but strong colour; empty when there is none."""
    main = main_colours(palette)

    def strength(colour: Colour) -> float:
        return colour.share * colour.chroma

    small = [
        colour
        for colour in palette.colours
        if colour.name not in main and 0.004 <= colour.share < 0.12 and colour.chroma >= 0.09
    ]
    return max(small, key=strength).name if small else ""


# --- places --------------------------------------------------------------------------------------

_CELLS = (
    "the upper left",
    "the upper center",
    "the upper right",
    "the left edge",
    "the center",
    "the right edge",
    "the lower left",
    "the lower center",
    "the lower right",
)
_ROWS = ("the upper third", "the middle band", "the lower third")
_COLUMNS = ("the left third", "the central third", "the right third")


def place(ninths: Sequence[float]) -> str:
    """Where most of something lies, given its share in each ninth; empty when it lies everywhere."""
    cell = max(range(9), key=lambda at: ninths[at])
    lines = {name: sum(ninths[3 * at : 3 * at + 3]) for at, name in enumerate(_ROWS)}
    lines |= {name: sum(ninths[at::3]) for at, name in enumerate(_COLUMNS)}
    line = max(lines, key=lambda name: lines[name])
    if ninths[cell] >= 0.5:
        return _CELLS[cell]
    if lines[line] >= 0.42:
        return line
    return _CELLS[cell] if ninths[cell] >= 0.25 else ""


def calm_place(ninths: Sequence[float]) -> str:
    """Where there is the least, if that is little; empty when there is much everywhere."""
    cell = min(range(9), key=lambda at: ninths[at])
    return _CELLS[cell] if ninths[cell] < 0.06 else ""


# --- time ----------------------------------------------------------------------------------------


def view_motion(change: FrameChange) -> str:
    """What the camera does, as a key: "still", "pan right", "nears", … and its pace if known."""
    if change.view is not View.SHIFTS:
        key: str = change.view.value
        return key
    parts = []
    # What is seen goes left when the camera turns right.
    if abs(change.right) >= 0.4 * abs(change.down):
        parts.append("pan right" if change.right < 0 else "pan left")
    if abs(change.down) >= 0.4 * abs(change.right):
        parts.append("tilt down" if change.down < 0 else "tilt up")
    return " ".join([*parts, pace(change)]).strip()


def pace(change: FrameChange) -> str:
    """How fast the view shifts; empty when it does not, or the time between the frames is unknown."""
    if change.view is not View.SHIFTS or not change.seconds:
        return ""
    farthest = max(abs(change.right), abs(change.down))
    return grade(farthest / change.seconds, (0.06, 0.25), ("slowly", "steadily", "quickly"))


def movement(changes: Sequence[FrameChange]) -> tuple[str, str]:
    """How much moves within a view that stands still, and where; two empty strings if none does.

    The amount is "none", "slight", "clear" or "much".
    """
    still = [change for change in changes if change.view is View.STILL]
    if not still:
        return "", ""
    mean = sum(change.moving for change in still) / len(still)
    ninths = [
        sum(change.moving * change.where[at] for change in still if change.where) for at in range(9)
    ]
    total = sum(ninths)
    amount = grade(mean, (0.002, 0.04, 0.3), ("none", "slight", "clear", "much"))
    return amount, place([ninth / total for ninth in ninths]) if total else ""


def direction(changes: Sequence[FrameChange]) -> str:
    """Which way things move in a view that stands still, "to the right" or so.

    Empty unless at least half of the changes in which something moves agree on it.
    """
    drifts = [change.drift for change in changes if change.drift]
    if 2 * len(drifts) < sum(change.moving >= 0.002 for change in changes):
        return ""
    right, down = sum(drift.right for drift in drifts), sum(drift.down for drift in drifts)
    if max(abs(right), abs(down)) < 0.02 * max(1, len(drifts)):
        return ""
    sideways = (
        ("to the right" if right > 0 else "to the left") if 2 * abs(right) > abs(down) else ""
    )
    upright = ("downward" if down > 0 else "upward") if 2 * abs(down) > abs(right) else ""
    return " and ".join(part for part in (sideways, upright) if part)


def lighting_change(changes: Sequence[FrameChange]) -> str:
    """ "brighter", "darker" or "steady" from the first frame to the last; empty where a cut decides."""
    if not changes or any(change.view is View.CUT for change in changes):
        return ""
    total = sum(change.brighter for change in changes)
    return grade(total, (-0.035, 0.035), ("darker", "steady", "brighter"))


def tempo(changes: Sequence[FrameChange]) -> str:
    """ "calm", "measured" or "lively", from how the view and what is in it move."""
    lively = {View.CUT, View.UNCLEAR}
    if any(change.view in lively or pace(change) == "quickly" for change in changes):
        return "lively"
    if all(change.view is View.STILL and change.moving < 0.04 for change in changes):
        return "calm"
    return "measured"
