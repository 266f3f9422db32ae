"""Which way things move while the view stands still, by following small blocks.

Only blocks that change, have something in them, and are found again nearly unchanged elsewhere have a
vote, and half of those must agree: no answer is better than a wrong one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import sub

from remote.engines.sketch.align import Line, Plane

_BLOCK = 6
"""Cells a side."""
_MOST_BLOCKS = 16
_LEAST_VOTES = 3
_REACH = 1 / 3
"""Share of the width and height that a thing may have moved."""
_LEAST_CHANGE = 12
"""Mean difference of luma (of 255) from which a block has changed."""
_LEAST_SPAN = 24
"""Range of luma within a block below which it could be found anywhere."""
_SAME = 0.3
"""Share of a block's change that may be left where it is found again.

Not less: edges blur differently when a thing has not moved by whole cells.
"""


@dataclass(frozen=True)
class Drift:
    """How far things move between two frames."""

    right: float
    """Share of the width; negative is to the left."""
    down: float
    """Share of the height; negative is up."""


def find_drift(earlier: Plane, later: Plane) -> Drift | None:
    """The common movement of what changes; None when there is no such thing."""
    if earlier.columns < _BLOCK or earlier.rows < _BLOCK:
        return None
    votes = []
    for x, y in _changed_blocks(earlier, later):
        found = _search(earlier, later, x, y)
        if found:
            votes.append(found)
    if not votes:
        return None
    supporters = [_agreeing(vote, votes) for vote in votes]
    most = max(supporters, key=len)
    if len(most) < max(_LEAST_VOTES, (len(votes) + 1) // 2):
        return None
    right = sum(vote[0] for vote in most) / len(most) / earlier.columns
    down = sum(vote[1] for vote in most) / len(most) / earlier.rows
    return Drift(right, down)


def _changed_blocks(earlier: Plane, later: Plane) -> list[tuple[int, int]]:
    """Upper left corners of the blocks worth following, those that change most first."""
    blocks = []
    for y in range(0, earlier.rows - _BLOCK + 1, _BLOCK // 2):
        for x in range(0, earlier.columns - _BLOCK + 1, _BLOCK // 2):
            block = _cells(earlier, x, y)
            change = _difference(block, _cells(later, x, y))
            if change >= _LEAST_CHANGE and max(block) - min(block) >= _LEAST_SPAN:
                blocks.append((-change, x, y))
    return [(x, y) for _, x, y in sorted(blocks)[:_MOST_BLOCKS]]


def _search(earlier: Plane, later: Plane, x: int, y: int) -> tuple[int, int] | None:
    """By how many cells right and down a block has moved; None when it is not found again."""
    block = _cells(earlier, x, y)
    wide, high = int(earlier.columns * _REACH), int(earlier.rows * _REACH)
    best, least = None, _SAME * _difference(block, _cells(later, x, y))
    for to_y in range(max(0, y - high), min(later.rows - _BLOCK, y + high) + 1):
        for to_x in range(max(0, x - wide), min(later.columns - _BLOCK, x + wide) + 1):
            difference = _difference(block, _cells(later, to_x, to_y))
            if difference < least:
                best, least = (to_x - x, to_y - y), difference
    if best is None or not _arrived(earlier, later, x + best[0], y + best[1]):
        return None
    return best


def _arrived(earlier: Plane, later: Plane, x: int, y: int) -> bool:
    """Whether the place has changed too; if not, what is found there was there before."""
    return _difference(_cells(earlier, x, y), _cells(later, x, y)) >= _LEAST_CHANGE


def _agreeing(vote: tuple[int, int], votes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    return [
        other for other in votes if abs(other[0] - vote[0]) <= 1 and abs(other[1] - vote[1]) <= 1
    ]


def _cells(plane: Plane, x: int, y: int) -> Line:
    cells: Line = []
    for line in plane.lines[y : y + _BLOCK]:
        cells += line[x : x + _BLOCK]
    return cells


def _difference(one: Line, other: Line) -> float:
    total: int = sum(map(abs, map(sub, one, other)))
    return total / len(one)
