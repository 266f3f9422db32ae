"""Lays one grid over another: by how much it must be shifted or magnified to fit.

Fit is the normalised cross-correlation over the overlap, so a change of exposure does not disturb it:
1 is the same picture, 0 a picture with nothing in common (Lewis, "Fast Normalized Cross-Correlation", 1995).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from operator import mul, sub

REACH = 0.5
"""Share of the width and height up to which shifts are looked for."""

SCALES = (0.5, 0.57, 0.66, 0.75, 0.82, 0.88, 0.94, 1.06, 1.13, 1.22, 1.33, 1.5, 1.75, 2.0)
"""Magnifications that are looked for; less than 6 % is not told from standing still."""

_FLAT = 4.0
"""Variance of luma (of 255) below which there is nothing to lay over anything."""

_OVERLAP_COST = 0.25
"""What a fit loses when nothing overlaps: the smaller the overlap, the easier a chance fit."""

_FIELDS = 6
_GAIN = 1.5
"""Mean luma (of 255) by which a field must fit better to count."""

Line = list[int]


@dataclass(frozen=True)
class Plane:
    """One value a cell, 0 to 255: brightness, or one of the colour channels."""

    lines: tuple[Line, ...]

    @property
    def rows(self) -> int:
        """Cells from top to bottom."""
        return len(self.lines)

    @property
    def columns(self) -> int:
        """Cells from left to right."""
        return len(self.lines[0])

    def half(self) -> Plane:
        """Each 2 x 2 cells as their mean; itself when a side has only one cell."""
        if min(self.rows, self.columns) < 2:
            return self
        pairs = zip(self.lines[0::2], self.lines[1::2], strict=False)
        return Plane(
            tuple(
                [
                    (p + q + r + s + 2) >> 2
                    for p, q, r, s in zip(a[0::2], a[1::2], b[0::2], b[1::2], strict=False)
                ]
                for a, b in pairs
            )
        )

    def magnified(self, scale: float) -> Plane:
        """The middle of it, `scale` times larger and as many cells; scale is at least 1."""
        across = [int(_source(x, self.columns, scale)) for x in range(self.columns)]
        down = [int(_source(y, self.rows, scale)) for y in range(self.rows)]
        return Plane(tuple([self.lines[y][x] for x in across] for y in down))


@dataclass(frozen=True)
class Shift:
    """How what is seen in one grid lies in the other."""

    right: int
    """Cells to the right; negative is to the left."""
    down: int
    """Cells down; negative is up."""
    fit: float
    """Correlation over the overlap, -1 to 1; 0 when either side is flat."""


@dataclass(frozen=True)
class Zoom:
    """How much larger what is seen in one grid is in the other."""

    scale: float
    """Above 1 it has grown."""
    fit: float
    """Correlation, -1 to 1."""


def to_plane(values: bytes, columns: int) -> Plane:
    """The values of one channel, or the luma, as rows of so many columns."""
    cells = list(values)
    return Plane(tuple(cells[at : at + columns] for at in range(0, len(cells), columns)))


def pyramid(plane: Plane) -> tuple[Plane, Plane, Plane]:
    """The grid at a quarter, at half and at full size."""
    half = plane.half()
    return half.half(), half, plane


def find_shift(earlier: tuple[Plane, Plane, Plane], later: tuple[Plane, Plane, Plane]) -> Shift:
    """The shift that fits best, in cells of the full grid: wide at a quarter, then ever finer."""
    small = earlier[0]
    wide, high = int(small.columns * REACH), int(small.rows * REACH)
    best = _best(small, later[0], range(-wide, wide + 1), range(-high, high + 1))
    for fine, target in zip(earlier[1:], later[1:], strict=True):
        x = _near(best.right, small.columns, fine.columns)
        y = _near(best.down, small.rows, fine.rows)
        best = _best(fine, target, x, y)
        small = fine
    return best


def find_zoom(earlier: Plane, later: Plane) -> Zoom:
    """The magnification about the middle that fits best."""
    near = range(-1, 2)
    fits = []
    for scale in SCALES:
        if scale > 1:
            fit = _best(earlier.magnified(scale), later, near, near).fit
        else:
            fit = _best(earlier, later.magnified(1 / scale), near, near).fit
        fits.append(Zoom(scale, fit))
    return max(fits, key=lambda zoom: zoom.fit)


def fit_at(earlier: Plane, later: Plane, right: int, down: int) -> float:
    """Correlation of `earlier`, shifted by so many cells, with `later` where they overlap."""
    one, other = overlap(earlier, later, right, down)
    return correlate(one, other)


def span_of_support(earlier: Plane, later: Plane, right: int, down: int) -> float:
    """How much of the picture says that the view has shifted, and not only a thing in it.

    The overlap is cut into 6 x 6 fields; those where the shifted picture fits better than the unshifted one
    span a box, and its longer side is returned as a share of the overlap's, 0 to 1.
    """
    x0, y0 = max(0, right), max(0, down)
    wide, high = later.columns - abs(right), later.rows - abs(down)
    gains = [0] * (_FIELDS * _FIELDS)
    for y in range(high):
        now = later.lines[y0 + y][x0 : x0 + wide]
        moved = earlier.lines[y0 + y - down][x0 - right : x0 - right + wide]
        unmoved = earlier.lines[y0 + y][x0 : x0 + wide]
        gain = list(map(sub, map(abs, map(sub, now, unmoved)), map(abs, map(sub, now, moved))))
        for field in range(_FIELDS):
            part = gain[field * wide // _FIELDS : (field + 1) * wide // _FIELDS]
            gains[_FIELDS * (_FIELDS * y // high) + field] += sum(part)
    least = _GAIN * wide * high / len(gains)
    fields = [at for at, gain in enumerate(gains) if gain >= least]
    if not fields:
        return 0.0
    across, along = [at % _FIELDS for at in fields], [at // _FIELDS for at in fields]
    return max(max(across) - min(across), max(along) - min(along)) / (_FIELDS - 1)


def overlap(earlier: Plane, later: Plane, right: int, down: int) -> tuple[Line, Line]:
    """The cells of both that lie on each other when `earlier` is shifted, in the same order."""
    x0, x1 = max(0, -right), min(earlier.columns, later.columns - right)
    y0, y1 = max(0, -down), min(earlier.rows, later.rows - down)
    one: Line = []
    other: Line = []
    for y in range(y0, y1):
        one += earlier.lines[y][x0:x1]
        other += later.lines[y + down][x0 + right : x1 + right]
    return one, other


def correlate(one: Line, other: Line) -> float:
    """Normalised correlation of two equally long lists; 0 when either is flat or empty."""
    count = len(one)
    if not count:
        return 0.0
    sum_one, sum_other = sum(one), sum(other)
    variance_one = sum(map(mul, one, one)) - sum_one * sum_one / count
    variance_other = sum(map(mul, other, other)) - sum_other * sum_other / count
    if min(variance_one, variance_other) < _FLAT * count:
        return 0.0
    common: float = sum(map(mul, one, other)) - sum_one * sum_other / count
    scale = sqrt(variance_one * variance_other)
    return common / scale


def _best(earlier: Plane, later: Plane, rights: Iterable[int], downs: Iterable[int]) -> Shift:
    """Of these shifts the one that fits best; the smaller one when two fit alike."""
    candidates = [(right, down) for right in rights for down in downs]
    candidates.sort(key=lambda shift: (abs(shift[0]) + abs(shift[1]), shift))
    best, best_score = Shift(0, 0, 0.0), -2.0
    for right, down in candidates:
        fit = fit_at(earlier, later, right, down)
        covered = (1 - abs(right) / earlier.columns) * (1 - abs(down) / earlier.rows)
        score = fit - _OVERLAP_COST * (1 - covered)
        if score > best_score + 1e-9:
            best, best_score = Shift(right, down, fit), score
    return best


def _near(cells: int, size: int, finer: int) -> range:
    """Around the same place in a finer grid; only that place where the grid is no finer."""
    if size == finer:
        return range(cells, cells + 1)
    return range(2 * cells - 1, 2 * cells + 2)


def _source(place: int, size: int, scale: float) -> float:
    """Where a cell of a magnified grid comes from."""
    return (place + 0.5 - size / 2) / scale + size / 2
