"""How many bytes two frames of a video have in each format, what packing them takes, and how like the PNG
they are.

The likeness is the structural similarity (SSIM) that ffmpeg's filter tells, the lesser of both frames. That a
WebP has every pixel of its PNG is looked at pixel by pixel.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from backend.sizes import Size
from backend.video import (
    Frame,
    FrameFormat,
    choose_frames,
    find_ffmpeg,
    prepare_frames,
    probe,
)
from backend.video.packing import pack_frames

_SSIM = re.compile(rb"SSIM .*All:([0-9.]+)")
_WAYS = (
    (FrameFormat.PNG, 0),
    (FrameFormat.WEBP, 0),
    *((FrameFormat.JPEG, quality) for quality in (75, 90, 95)),
)


def likeness(packed: Sequence[Frame], drawn: Sequence[Frame]) -> float:
    """Return the least SSIM of these pictures."""
    return min(_ssim(one.path, other.path) for one, other in zip(packed, drawn, strict=True))


def _ssim(one: Path, other: Path) -> float:
    graph = "[0:v]format=rgb24[a];[1:v]format=rgb24[b];[a][b]ssim"
    command = [str(find_ffmpeg()), "-hide_banner", "-nostdin", "-i", str(one), "-i", str(other)]
    command += ["-lavfi", graph, "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, check=True).stderr
    found = _SSIM.search(said)
    if found is None:
        raise SystemExit(f"ffmpeg tells no SSIM of {one}")
    return float(found[1])


def are_equal(packed: Sequence[Frame], drawn: Sequence[Frame]) -> bool:
    """Return whether all pixels are the same."""
    return all(_rgb(a.path) == _rgb(b.path) for a, b in zip(packed, drawn, strict=True))


def _rgb(path: Path) -> bytes:
    with Image.open(path) as picture:
        return picture.convert("RGB").tobytes()


async def draw(clip: Path, size: Size | None, folder: Path) -> tuple[Frame, ...]:
    """Draw two frames of the clip."""
    video = probe(clip)
    return (await prepare_frames(video, choose_frames(video, 2), size or video.size, folder)).frames


def main() -> None:
    """Measure, and print a line for each format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--size", type=Size.parse, help="WIDTHxHEIGHT; the video's own by default")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        drawn = asyncio.run(draw(given.clip, given.size, Path(name)))
        as_png = sum(frame.file_size for frame in drawn)
        for form, quality in _WAYS:
            began = time.process_time()
            packed = pack_frames(drawn, form, quality)
            spent = (time.process_time() - began) / len(packed)
            size = sum(frame.file_size for frame in packed)
            like = "every pixel" if are_equal(packed, drawn) else f"{likeness(packed, drawn):.3f}"
            print(  # noqa: T201
                f"{form} {quality or '':<3} {size:>9,} bytes  {size / as_png:.2f} of PNG  "
                f"{spent * 1000:4.0f} ms a frame  SSIM {like}"
            )


if __name__ == "__main__":
    main()
