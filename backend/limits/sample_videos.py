"""Draws a test video of each size, and reads it back, so that measurements use real frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from backend.errors import InputError, MediaError
from backend.files.without_links import open_folder
from backend.sizes import Size
from backend.video import Video, probe
from backend.video.clips import Clip, draw_clips

FRAMES = 8
"""The number of frames of each video."""
_RATE = 8


def draw_test_videos(sizes: Iterable[Size], folder: Path) -> Iterator[Video]:
    """Draw a video of each size, unless the folder has it, and yield each as it is read back. Blocks.

    Raises MediaError, also when a video is not of the size that was asked for, and InputError when the
    folder cannot be written.
    """
    try:
        # The user named the folder that this one is in, but not this one.
        with open_folder(folder.parent.resolve() / folder.name, make=True):
            pass
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
        # yuv420p halves the colour planes, so it allows no odd sides.
        pixels="yuv420p" if even else "yuv444p",
    )
