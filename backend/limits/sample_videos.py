"""A real test video of each size: drawn once, then read back, so that sizes are those of real frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from backend.errors import InputError, MediaError
from backend.sizes import Size
from backend.video import Video, probe
from backend.video.clips import Clip, draw_clips

FRAMES = 8
"""Of each video."""
_RATE = 8


def draw_test_videos(sizes: Iterable[Size], folder: Path) -> Iterator[Video]:
    """A video a size, as it is read back; those that the folder has already are not drawn again. Blocks.

    Raises MediaError, also when a video is not of the size that was asked for, and InputError when the
    folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder for test videos, {folder}, cannot be written: {error.strerror}",
            "Choose another --output-dir.",
        ) from error
    with ThreadPoolExecutor() as threads:
        yield from threads.map(lambda size: _draw(size, folder), dict.fromkeys(sizes))


def _draw(size: Size, folder: Path) -> Video:
    clip = _clip(size)
    with suppress(MediaError):
        return _read(folder / clip.file, size)
    return _read(draw_clips([clip], folder)[0], size)


def _read(file: Path, size: Size) -> Video:
    video = probe(file)
    if (video.size, video.frames) != (size, FRAMES):
        raise MediaError(
            f"{file} is a video of {video.size} with {video.frames} frames, and {size} with {FRAMES} "
            "was to be drawn"
        )
    return video


def _clip(size: Size) -> Clip:
    even = size.width % 2 == 0 and size.height % 2 == 0
    return Clip(
        f"{size}.mp4",
        f"testsrc=s={size}:r={_RATE}",
        seconds=FRAMES / _RATE,
        # Halved colour planes have no odd sides.
        pixels="yuv420p" if even else "yuv444p",
    )
