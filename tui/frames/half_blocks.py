"""Pictures drawn with characters: each cell is two pixels, one above the other, drawn as ▀ in two colours."""

from __future__ import annotations

from itertools import groupby

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from backend.video.thumbnails import Thumbnail

_UPPER = "▀"
_Pixel = tuple[int, int, int]


def draw_half_blocks(picture: Thumbnail) -> list[Strip]:
    """Draw a picture as `height / 2` lines of `width` cells, rounded up; nothing is drawn below an odd last
    row.
    """
    width, height = picture.size.width, picture.size.height
    return [
        _line(
            _pixels(picture.row(y)),
            _pixels(picture.row(y + 1)) if y + 1 < height else [None] * width,
        )
        for y in range(0, height, 2)
    ]


def _pixels(row: bytes) -> list[_Pixel | None]:
    return [(row[at], row[at + 1], row[at + 2]) for at in range(0, len(row), 3)]


def _line(upper: list[_Pixel | None], lower: list[_Pixel | None]) -> Strip:
    runs = groupby(zip(upper, lower, strict=True))
    return Strip([Segment(_UPPER * len(list(run)), _style(*pair)) for pair, run in runs])


def _style(upper: _Pixel | None, lower: _Pixel | None) -> Style:
    return Style(
        color=Color.from_rgb(*upper) if upper else None,
        bgcolor=Color.from_rgb(*lower) if lower else None,
    )
