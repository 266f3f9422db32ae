"""Measures single frames: light, colours, and where the detail is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from operator import sub

from remote.engines.sketch.colours import name_colour, to_lab
from remote.engines.sketch.grid import GridPicture

BLACK = 14
"""Of 255: a cell is clipped to black when none of its channels is above."""

WHITE = 243
"""Of 255: a cell is clipped to white when none of its channels is below."""


@dataclass(frozen=True)
class Light:
    """Exposure and contrast, over all cells of all frames."""

    mean: float
    """Rec. 709 luma, 0 black to 1 white."""
    spread: float
    """The range of luma between the 5th and the 95th percentile, 0 to 1."""
    deviation: float
    """Standard deviation of luma, 0 to 0.5."""
    black: float
    """Share of cells that are clipped to black, 0 to 1."""
    white: float
    """Share of cells that are clipped to white, 0 to 1."""


@dataclass(frozen=True)
class Colour:
    """A named colour and how much of the area has it."""

    name: str
    share: float
    """0 to 1."""
    chroma: float
    """Mean OKLab chroma of the cells that have this name; 0 is gray."""


@dataclass(frozen=True)
class Palette:
    """The colours of all frames."""

    colours: tuple[Colour, ...]
    """The largest share first; names of equal share in alphabetical order."""
    chroma: float
    """Mean OKLab chroma; 0 is gray, above 0.1 is vivid."""
    warmth: float
    """Mean OKLab b; below 0 it leans to blue, above 0 to yellow."""


@dataclass(frozen=True)
class Detail:
    """Where edges and texture lie."""

    amount: float
    """Mean difference of luma between neighbouring cells, 0 to 1."""
    ninths: tuple[float, ...]
    """Share of it in each ninth of the picture, from the top left, row by row; 1 in all.

    Nine times 1/9 when there is none.
    """


def measure_light(pictures: Sequence[GridPicture]) -> Light:
    """Exposure and contrast of at least one frame."""
    counts: Counter[int] = Counter()
    for picture in pictures:
        counts.update(picture.luma)
    total = sum(counts.values())
    mean = sum(value * count for value, count in counts.items()) / total
    variance = sum(count * (value - mean) ** 2 for value, count in counts.items()) / total
    return Light(
        mean=mean / 255,
        spread=(_percentile(counts, 0.95) - _percentile(counts, 0.05)) / 255,
        deviation=sqrt(variance) / 255,
        black=sum(_count_black(picture) for picture in pictures) / total,
        white=sum(_count_white(picture) for picture in pictures) / total,
    )


def measure_palette(pictures: Sequence[GridPicture]) -> Palette:
    """Named colours of at least one frame."""
    bins: Counter[tuple[int, int, int]] = Counter()
    for picture in pictures:
        # 32 levels a channel: no name changes by less, and few colours are left to convert.
        red, green, blue = (
            plane.translate(_COARSE) for plane in (picture.red, picture.green, picture.blue)
        )
        bins.update(zip(red, green, blue, strict=True))
    total = sum(bins.values())
    cells: Counter[str] = Counter()
    warmth = 0.0
    strength: dict[str, float] = {}
    for colour, count in sorted(bins.items()):
        lab = to_lab(*colour)
        name = name_colour(*colour)
        cells[name] += count
        strength[name] = strength.get(name, 0.0) + count * lab.chroma
        warmth += count * lab.b
    colours = [Colour(name, cells[name] / total, strength[name] / cells[name]) for name in cells]
    colours.sort(key=lambda colour: (-colour.share, colour.name))
    return Palette(tuple(colours), sum(strength.values()) / total, warmth / total)


def measure_detail(pictures: Sequence[GridPicture]) -> Detail:
    """Where the edges of at least one frame are."""
    sums = [0.0] * 9
    cells = 0
    for picture in pictures:
        cells += picture.columns * picture.rows
        for ninth, value in enumerate(_edges(picture)):
            sums[ninth] += value
    total = sum(sums)
    if not total:
        return Detail(0.0, (1 / 9,) * 9)
    return Detail(total / cells / 255, tuple(value / total for value in sums))


def _edges(picture: GridPicture) -> list[int]:
    """Summed differences to the right and lower neighbour in each ninth."""
    columns, rows, luma = picture.columns, picture.rows, picture.luma
    cuts = [0, columns // 3, 2 * columns // 3, columns]
    lines = [luma[row * columns : (row + 1) * columns] for row in range(rows)]
    sums = [0] * 9
    for row, line in enumerate(lines):
        below = lines[min(row + 1, rows - 1)]
        steps = list(map(abs, map(sub, line, line[1:] + line[-1:])))
        drops = list(map(abs, map(sub, line, below)))
        third = 3 * min(2, 3 * row // rows)
        for part in range(3):
            span = slice(cuts[part], cuts[part + 1])
            sums[third + part] += sum(steps[span]) + sum(drops[span])
    return sums


def _count_black(picture: GridPicture) -> int:
    highest = map(max, picture.red, picture.green, picture.blue)
    return sum(value <= BLACK for value in highest)


def _count_white(picture: GridPicture) -> int:
    lowest = map(min, picture.red, picture.green, picture.blue)
    return sum(value >= WHITE for value in lowest)


def _percentile(counts: Counter[int], share: float) -> int:
    """The least value that `share` of all counts lie at or below."""
    wanted = share * sum(counts.values())
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted:
            return value
    return max(counts)


_COARSE = bytes(min(255, (value >> 3) * 8 + 4) for value in range(256))
