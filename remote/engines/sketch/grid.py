"""A frame made small enough to measure: at most 160 cells a side, each the mean of its pixels."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from remote.engines.sketch.png import open_png

MAX_CELLS = 160
"""Cells that a grid may be wide or high; a cell has at most 52 x 52 pixels (8192 / 160)."""


@dataclass(frozen=True)
class GridPicture:
    """A frame as a grid of cells, row by row from the top left."""

    width: int
    """Pixels of the frame."""
    height: int
    """Pixels of the frame."""
    columns: int
    rows: int
    red: bytes
    """0 to 255 a cell, gamma-encoded as in the file; so are green and blue."""
    green: bytes
    blue: bytes

    @cached_property
    def luma(self) -> bytes:
        """Rec. 709 luma a cell, 0 to 255: 0.2126 R + 0.7152 G + 0.0722 B of gamma-encoded values."""
        return bytes(
            (2126 * r + 7152 * g + 722 * b + 5000) // 10000
            for r, g, b in zip(self.red, self.green, self.blue, strict=True)
        )


def read_picture(png: bytes) -> GridPicture:
    """Decode a PNG file straight into a grid. Raises BadRequest."""
    image = open_png(png)
    return shrink_rows(image.header.width, image.header.height, image.rows())


def shrink_rows(width: int, height: int, pixels: Iterable[bytes]) -> GridPicture:
    """The grid of `height` rows of RGB bytes; pixels that fill no whole cell are left out."""
    step = -(-max(width, height) // MAX_CELLS)
    across, down = min(step, width), min(step, height)
    columns, rows = width // across, height // down
    planes = (bytearray(), bytearray(), bytearray())
    source = iter(pixels)
    for _ in range(rows):
        sums = _add_rows(islice(source, down), 3 * width)
        for channel, plane in enumerate(planes):
            plane += _means(sums, channel, columns, across, down)
    for _ in source:  # the rest is read all the same: it may turn out to be broken
        pass
    red, green, blue = (bytes(plane) for plane in planes)
    return GridPicture(width, height, columns, rows, red, green, blue)


def _add_rows(rows: Iterator[bytes], size: int) -> array[int]:
    """The sum of the rows, byte by byte.

    A row is spread to 16 bits a byte and added as one long integer; 52 rows of 255 stay below 65536.
    """
    total = 0
    spread = bytearray(2 * size)
    for row in rows:
        spread[0::2] = row
        total += int.from_bytes(spread, "little")
    sums = array("H", total.to_bytes(2 * size, "little"))
    if sys.byteorder == "big":
        sums.byteswap()
    return sums


def _means(sums: array[int], channel: int, columns: int, across: int, down: int) -> bytes:
    """One channel's mean of each cell in a row of cells."""
    end = 3 * columns * across
    parts = [sums[channel + 3 * x : end : 3 * across] for x in range(across)]
    area = across * down
    return bytes((sum(part) + area // 2) // area for part in zip(*parts, strict=True))
