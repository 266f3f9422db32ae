"""Runs ffmpeg to draw frames and hint videos, and to make clips of frames. `tiles` runs it, too, to look at a
photograph.

ffmpeg runs in its own folder, where its input is a link and this program chose the names of its outputs. So
ffmpeg cannot take a file name for an option, a pattern or an address.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol, Self

from backend.errors import MediaError
from backend.sizes import Size
from backend.video.allowed_formats import MAX_PIXELS, ONLY_THESE
from backend.video.colours import Colours, screen_filters, write_tables
from backend.video.frame_choice import ChosenFrame
from backend.video.tiles import stream_name

_STDERR_KEPT = 8192
"""Bytes of the end of ffmpeg's stderr that are kept for the error message."""

HINT_RATE = 2
"""Frames a second of a hint video."""


class Stream(Protocol):
    """The part of ffmpeg-python that is used here; the package has no types."""

    def filter(self, name: str, *arguments: object, **options: object) -> Self: ...


@dataclass(frozen=True, slots=True)
class Drawing:
    """The frames and the hint video that one run of ffmpeg draws from one input."""

    source: Path
    stream: int
    """Index of the picture stream, or ALL_TILES."""
    frames: Sequence[tuple[ChosenFrame, str]] = ()
    """Frames to write, each with the PNG's name."""
    frame_size: Size | None = None
    """None leaves frames at the source's size."""
    hint: tuple[Size, str] | None = None
    """Even size and name of the hint video."""
    colours: Colours | None = None
    """The source's colours, where they are not those of an ordinary screen."""
    threads: int = 0
    """Threads of ffmpeg; 0 leaves it to ffmpeg."""

    @property
    def only_key_frames(self) -> bool:
        """Whether no other frame needs to be decoded, and each is known by its timestamp."""
        return self.hint is None and all(frame.key_time is not None for frame, _ in self.frames)


async def draw(drawing: Drawing, folder: Path, *, ffmpeg: Path, time_limit: float) -> None:
    """Draw the frames and the hint video of `drawing` into `folder`, which must exist.

    Raises MediaError when ffmpeg fails or takes more than `time_limit` seconds. ffmpeg has ended when this
    returns, raises or is cancelled.
    """
    # ffmpeg recognises some formats only by the suffix.
    suffix = drawing.source.suffix if re.fullmatch(r"\.\w+", drawing.source.suffix) else ""
    link = folder / f"source{suffix}"
    link.symlink_to(drawing.source.absolute())
    if drawing.colours is not None:
        await asyncio.to_thread(write_tables, drawing.colours, folder)
    try:
        await _run(_arguments(drawing, link.name, ffmpeg), folder, drawing.source, time_limit)
    finally:
        link.unlink(missing_ok=True)


async def encode_pictures(
    folder: Path,
    name: str,
    rate: Fraction,
    size: Size,
    *,
    source: Path,
    ffmpeg: Path,
    time_limit: float,
) -> None:
    """Make a video without sound of the pictures 0.png, 1.png, … in `folder`, which lie there alone.

    What is beyond `size`, on the right and below, is cut off. Equal pictures make an equal file. `source` is
    named in errors, which are those of `draw`.
    """
    import ffmpeg as graph

    pictures = graph.input("%d.png", format="image2", framerate=str(rate), start_number=0)
    pictures = pictures.filter("crop", size.width, size.height, 0, 0)
    pictures = pictures.filter("scale", out_color_matrix="bt601", out_range="tv")
    output = graph.output(pictures, name, **(_H264 | _SAME_EACH_TIME | _BT601))
    command = output.global_args("-nostdin", "-hide_banner", "-v", "error")
    await _run(command.compile(cmd=str(ffmpeg), overwrite_output=True), folder, source, time_limit)


def _arguments(drawing: Drawing, source: str, ffmpeg: Path) -> list[str]:
    """Build the command line. Each output has a branch of the decoded pictures."""
    import ffmpeg as graph

    threads = {"threads": drawing.threads} if drawing.threads else {}
    branches = _branches(drawing, source, threads)
    outputs = []
    for branch, (chosen, name) in enumerate(drawing.frames):
        # Of key frames, a decoder may leave some out, and give others, too: their count tells nothing.
        selects = (
            f"lt(abs(t-{chosen.key_time:.6f}),{_SAME_TIME})"
            if drawing.only_key_frames
            else f"eq(n,{chosen.index})"
        )
        frame = branches[branch].filter("select", selects).filter("setpts", "0")
        if drawing.frame_size is not None:
            frame = _scaled(frame, drawing.frame_size)
        frame = _as_shown(frame, drawing.colours)
        outputs.append(graph.output(frame.filter("format", "rgb24"), name, **_PNG, **threads))
    if drawing.hint is not None:
        size, name = drawing.hint
        # With rounding up, each hint frame is the picture shown at its own time. With ffmpeg's default,
        # it is a picture from almost a quarter of a second later.
        hint = branches[len(drawing.frames)].filter("setpts", "PTS-STARTPTS")
        hint = _scaled(hint.filter("fps", HINT_RATE, round="up"), size)
        if drawing.colours is not None:
            hint = _as_shown(hint, drawing.colours)
            hint = hint.filter("scale", out_color_matrix="bt709", out_range="tv")
        outputs.append(graph.output(hint, name, **_H264, **threads))
    command = graph.merge_outputs(*outputs).global_args("-nostdin", "-hide_banner", "-v", "error")
    if drawing.only_key_frames:
        command = command.global_args("-copyts")
    if drawing.threads:
        command = command.global_args("-filter_complex_threads", str(drawing.threads))
    return list(command.compile(cmd=str(ffmpeg), overwrite_output=True))


def _branches(drawing: Drawing, source: str, threads: Mapping[str, int]) -> Sequence[Stream]:
    """Open the input and give its pictures to a branch for each output.

    For a few key frames, the input is opened for each, so that it is read only there.
    """
    import ffmpeg as graph

    name = stream_name(drawing.stream)
    if drawing.only_key_frames and len(drawing.frames) <= _MOST_SEEKS:
        starts = [{"ss": f"{frame.key_time:.6f}"} for frame, _ in drawing.frames]
        return [
            graph.input(source, **_INPUT, **_SEEKS, **start, **threads)[name] for start in starts
        ]
    only = {"skip_frame": "nokey"} if drawing.only_key_frames else {}
    outputs = len(drawing.frames) + (drawing.hint is not None)
    stream = graph.input(source, **_INPUT, **only, **threads)[name]
    split: Sequence[Stream] = stream.filter_multi_output("split", outputs)
    return split


# Pictures may become larger in the middle of a video, whatever the header says.
_INPUT = ONLY_THESE | {"max_pixels": str(MAX_PIXELS)}

# Seeking stops at or before the frame; the first picture that is decoded there is mostly the one.
_SEEKS: dict[str, str | int | None] = {
    "skip_frame": "nokey",
    "noaccurate_seek": None,
    "seek_timestamp": 1,
}
_MOST_SEEKS = 8
"""The most key frames for which the input is opened anew, with a decoder for each."""
_SAME_TIME = "0.0001"
"""Seconds between two timestamps of one frame: formats round them, and frames lie farther apart."""

# Up-prediction gives the smallest PNGs for filmed frames (258 KB at 640x480; paeth 270, none 371), and a
# box can decode it fastest in plain Python.
_PNG = {"frames:v": 1, "c:v": "png", "pred": "up", "format": "image2", "update": 1}
_H264 = {
    "c:v": "libx264",
    "crf": 18,
    "pix_fmt": "yuv420p",
    "movflags": "+faststart",
    "map_metadata": -1,
    "format": "mp4",
}
# Without B-frames, the first frame is at 0 for each program that reads the file.
_SAME_EACH_TIME = {"bf": 0, "threads": 1, "fflags": "+bitexact", "flags": "+bitexact"}
_BT601 = {"colorspace": "smpte170m", "color_range": "tv"}


def _scaled(branch: Stream, size: Size) -> Stream:
    return branch.filter("scale", size.width, size.height, flags="lanczos").filter("setsar", 1)


def _as_shown(branch: Stream, colours: Colours | None) -> Stream:
    for name, options in screen_filters(colours) if colours else ():
        branch = branch.filter(name, **options)
    return branch


async def _run(command: Sequence[str], folder: Path, source: Path, time_limit: float) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        # The group can be killed as a whole (`ffmpeg` may be a wrapper), and Ctrl-C does not reach it.
        start_new_session=True,
    )
    assert process.stderr is not None  # noqa: S101 -- it was asked for as a pipe
    try:
        async with asyncio.timeout(time_limit):
            words = await _read_last_lines(process.stderr)
            code = await process.wait()
    except TimeoutError:
        raise MediaError(
            f"Drawing frames of {source} took longer than {time_limit:g} s and was stopped.",
            "Cut or scale the video down first.",
        ) from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            # Shielded, so that a second cancellation leaves no zombie.
            await asyncio.shield(process.wait())
    if code != 0:
        raise _failure(source, words or f"exit status {code}")


def _failure(source: Path, words: str) -> MediaError:
    if "received no packets" in words:
        return MediaError(
            f"{source} has fewer frames that can be decoded than its header promises.",
            "The file is damaged or incomplete: copy it again, or re-encode it with ffmpeg.",
        )
    return MediaError(
        f"ffmpeg could not draw frames of {source}: {words}",
        "Check that the file is complete, and that `ffmpeg -encoders` lists libx264.",
    )


async def _read_last_lines(stream: asyncio.StreamReader) -> str:
    """Return the last lines of a stream. All of it is read, so that ffmpeg never blocks on a full pipe."""
    kept = b""
    while data := await stream.read(_STDERR_KEPT):
        kept = (kept + data)[-_STDERR_KEPT:]
    lines = kept.decode(errors="replace").strip().splitlines()
    return "; ".join(line.strip() for line in lines[-3:])
