"""Pictures in real pixels, in terminals that can show them: kitty's protocol or sixel, both by
textual-image.

textual-image is an extra. Without it, and in other terminals, pictures are drawn in half-blocks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.widget import Widget

from backend.sizes import Size

if TYPE_CHECKING:
    from backend.video.thumbnails import Thumbnail


@dataclass(frozen=True, slots=True)
class PixelGraphics:
    """The way in which a terminal draws pixels."""

    make_widget: Callable[[Thumbnail], Widget]
    """The widget that shows a picture in its own size."""
    cell: Size
    """The size of a cell in pixels."""

    def fill(self, source: Size, columns: int, lines: int) -> Size:
        """Return the size in pixels in which a picture of this shape fills so many cells."""
        from backend.video.thumbnails import fit_within

        room = Size(columns * self.cell.width, lines * self.cell.height)
        return fit_within(source, room)


def find_pixel_graphics() -> PixelGraphics | None:
    """Return what this terminal can draw; None if it cannot draw pixels, or textual-image is missing.

    It asks the terminal. Once the app reads keys, it would take the answer for keys, so this comes before
    the app starts. Blocks for some tenths of a second at most.
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
