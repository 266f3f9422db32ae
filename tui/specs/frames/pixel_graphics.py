"""Pictures in real pixels, in terminals that can: kitty's protocol or sixel, both by textual-image.

That is an extra. Without it, and in other terminals, pictures are drawn in half-blocks, two to a cell.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from textual.widget import Widget

from backend.sizes import Size
from backend.video.thumbnails import Thumbnail, fit_within


@dataclass(frozen=True, slots=True)
class PixelGraphics:
    """What a terminal can draw."""

    make_widget: Callable[[Thumbnail], Widget]
    """Shows a picture as large as the widget is."""
    cell: Size
    """Of a cell, in pixels."""

    def fill(self, source: Size, columns: int, lines: int) -> Size:
        """How large a picture of this shape is to be read for so many cells."""
        room = Size(columns * self.cell.width, lines * self.cell.height)
        return fit_within(source, room)


def find_pixel_graphics() -> PixelGraphics | None:
    """What this terminal can; None where it can do no more than half-blocks, or textual-image is missing.

    Asks the terminal, whose answer would be taken for keys once the app reads them: so it comes before
    that. Blocks for some tenths of a second at most.
    """
    if not (sys.__stdin__ and sys.__stdin__.isatty()):
        return None
    try:
        from textual_image import renderable, widget
        from textual_image._terminal import get_cell_size  # it has no public place
    except ImportError:
        return None
    if renderable.Image not in (renderable.SixelImage, renderable.TGPImage):
        return None
    cell = get_cell_size()
    return PixelGraphics(_maker(widget.Image), Size(cell.width, cell.height))


def _maker(kind: Callable[..., Widget]) -> Callable[[Thumbnail], Widget]:
    from PIL import Image

    def make(picture: Thumbnail) -> Widget:
        size = picture.size.width, picture.size.height
        return kind(Image.frombytes("RGB", size, picture.pixels))

    return make
