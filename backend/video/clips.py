"""Draws short clips of our own with ffmpeg, from lavfi filter graphs."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from backend.errors import MediaError
from backend.video.ffmpeg_program import find_ffmpeg


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip and the lavfi graph that draws it."""

    file: str
    graph: str
    seconds: float = 3.0
    """0 for a still picture."""
    pixels: str = "yuv420p"
    """ffmpeg's name of the pixel format of a video. yuv420p allows no odd sides."""


def draw_clips(clips: Sequence[Clip], folder: Path) -> list[Path]:
    """Draw the clips into a folder and return their files. Raises MediaError."""
    folder.mkdir(parents=True, exist_ok=True)
    program = find_ffmpeg()
    with ThreadPoolExecutor() as threads:
        return list(threads.map(lambda clip: _draw(clip, folder, program), clips))


def _draw(clip: Clip, folder: Path, program: Path) -> Path:
    import ffmpeg

    target = folder / clip.file
    # A link in the file's place is replaced; ffmpeg would follow it.
    part = folder / f".{secrets.token_hex(6)}-{clip.file}"
    limits = {"t": clip.seconds} if clip.seconds else {"frames:v": 1, "update": 1}
    picture = ffmpeg.input(clip.graph, f="lavfi")
    output = picture.output(
        str(part.absolute()), pix_fmt=clip.pixels if clip.seconds else "rgb24", **limits
    )
    try:
        output.overwrite_output().run(cmd=str(program), quiet=True)
        part.replace(target)
    except ffmpeg.Error as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise MediaError(f"ffmpeg could not draw {clip.file}: {' '.join(said)}") from error
    finally:
        part.unlink(missing_ok=True)
    return target
