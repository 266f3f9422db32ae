"""Clips of flat colours without loss, so that their pictures are the same on every machine."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_COLOURS = ((222, 60, 75), (244, 180, 60), (80, 170, 110), (60, 110, 200))


def draw_plain_clip(file: Path, width: int, height: int, frames: int = 8) -> Path:
    """Four bands of colour that move by one from frame to frame, four frames a second."""
    import av

    file.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(file), "w", format="mov") as container:
        stream = container.add_stream("png", rate=4)
        stream.width, stream.height, stream.pix_fmt = width, height, "rgb24"
        for number in range(frames):
            frame = _frame(width, height, number)
            frame.pts, frame.time_base = number, Fraction(1, 4)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file


def draw_plain_picture(file: Path, width: int, height: int) -> Path:
    """The same bands, as a PNG."""
    file.parent.mkdir(parents=True, exist_ok=True)
    _frame(width, height, 0).save(str(file))
    return file


def _frame(width: int, height: int, number: int) -> VideoFrame:
    from av.video.frame import VideoFrame

    row = b"".join(bytes(_COLOURS[(4 * x // width + number) % len(_COLOURS)]) for x in range(width))
    frame = VideoFrame(width, height, "rgb24")
    plane = frame.planes[0]
    plane.update(row.ljust(plane.line_size, b"\0") * height)
    return frame
