"""Reads photographs in the HEIF container (HEIC of phones, AVIF) by running ffmpeg.

A phone writes a photograph as a grid of tiles, each of which is a stream. PyAV sees only the tiles, and knows
neither the part of a picture that is shown nor how it is turned. A new ffmpeg puts all of it together.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from backend.errors import MediaError
from backend.sizes import Size
from backend.video.allowed_formats import MAX_PIXELS, ONLY_THESE
from backend.video.ffmpeg_program import find_ffmpeg, find_new_ffmpeg

ALL_TILES = -1
"""Stands for the index of a stream where the picture is a grid of tiles."""
_INPUT = ONLY_THESE | {"max_pixels": str(MAX_PIXELS)}
_TIME_LIMIT = 60.0
"""Seconds that ffmpeg may take."""
_DIMENSIONS = re.compile(rb"^#dimensions 0: (\d{1,6})x(\d{1,6})$", re.M)


def stream_name(stream: int) -> str:
    """Return how ffmpeg calls the stream within its file."""
    return "g:0" if stream == ALL_TILES else str(stream)


def ffmpeg_for(stream: int) -> Path:
    """Return the ffmpeg that can draw the stream. Raises MediaError."""
    return find_new_ffmpeg() if stream == ALL_TILES else find_ffmpeg()


def drawn_size(path: Path, stream: int) -> Size:
    """Return the size at which ffmpeg draws the picture. Blocks. Raises MediaError."""
    said = _run(path, stream, "null", "-f", "framecrc")
    found = _DIMENSIONS.search(said)
    if found is None:
        raise MediaError(
            f"{path} is a picture in several parts, which is not read.",
            "Convert it to JPEG or PNG, for instance on a Mac with `sips -s format jpeg`.",
        )
    return Size(int(found[1]), int(found[2]))


def draw_small(path: Path, stream: int, size: Size) -> bytes:
    """Return red, green and blue of each pixel of the picture at this size. Blocks. Raises MediaError."""
    scaled = f"scale={size.width}:{size.height}:flags=area,format=rgb24"
    pixels = _run(path, stream, scaled, "-f", "rawvideo")
    if len(pixels) != 3 * size.area:
        raise MediaError(f"{path} cannot be drawn.", "Check that the file is not damaged.")
    return pixels


def _run(path: Path, stream: int, filters: str, *output: str) -> bytes:
    """Return what ffmpeg writes to stdout; nothing where it fails."""
    limits = [part for key, value in _INPUT.items() for part in (f"-{key}", value)]
    graph = f"[0:{stream_name(stream)}]{filters}[out]"
    command: list[str | Path] = [
        ffmpeg_for(stream),
        "-nostdin",
        "-v",
        "error",
        *limits,
        "-i",
        f"file:{path.absolute()}",
    ]
    command += ["-filter_complex", graph, "-map", "[out]", "-frames:v", "1", *output, "-"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIME_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        raise MediaError(
            f"{path} takes too long to be drawn.", "Convert it to JPEG or PNG first."
        ) from None
    return done.stdout if done.returncode == 0 else b""
