"""Makes clips of drawn frames, which are sent to models that take videos.

A clip holds exactly the frames that were chosen, at the rate that they have in the video, but at no more than
two frames a second: model servers look at each of these. Its colours are those of BT.601, which is what
programs assume that do not look at a video's header, as OpenCV does in vLLM.

A clip lies beside the PNGs that it is made of, and is named by their hashes and its rate:
`clip-1f3a5b7c9d0e2f4a.mp4`.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from backend.errors import MediaError
from backend.files.without_links import read_plain
from backend.sizes import Size
from backend.video.draw import TIME_LIMIT
from backend.video.ffmpeg import encode_pictures
from backend.video.ffmpeg_program import find_ffmpeg
from backend.video.frame_cache import MOST_FRAME_BYTES, Frame, drawing_folder, read_frame

_MOST_RATE = Fraction(2)
"""Frames a second of which Qwen3-VL's processor looks at each; of more, it leaves some out."""
_LEAST_RATE = Fraction(1, 300)
"""Frames a second below which the times that Qwen3-VL is told would have more than four digits."""
_CLIP = "clip.mp4"


async def make_clip(
    frames: Sequence[Frame],
    source: Path,
    *,
    ffmpeg: Path | None = None,
    time_limit: float = TIME_LIMIT,
) -> Frame:
    """Return the clip of these frames of `source`, which is kept beside them, or made anew.

    An odd side loses a pixel, because H.264 as programs read it has even sides. Raises MediaError and
    InputError.
    """
    size = Size(frames[0].width, frames[0].height).even
    times = tuple(frame.time for frame in frames)
    rate = clip_rate(times)
    named = hashlib.sha256(f"{rate} {' '.join(f.sha256 for f in frames)}".encode()).hexdigest()
    path = frames[0].path.with_name(f"clip-{named[:16]}.mp4")
    data = await asyncio.to_thread(_kept, path, size, len(frames))
    if not data:
        with drawing_folder(path.parent) as folder:
            await asyncio.to_thread(_copy, frames, folder)
            await encode_pictures(
                folder,
                _CLIP,
                rate,
                size,
                source=source,
                ffmpeg=ffmpeg or find_ffmpeg(),
                time_limit=time_limit,
            )
            data = (folder / _CLIP).read_bytes()
            (folder / _CLIP).replace(folder.parent / path.name)
    digest = hashlib.sha256(data).hexdigest()
    return Frame(path, digest, size.width, size.height, times[0], len(data), times=times)


def clip_rate(times: Sequence[float]) -> Fraction:
    """Return the frames a second of a clip of frames at these times: their mean rate, within bounds."""
    seconds = times[-1] - times[0]
    if seconds <= 0:
        return _MOST_RATE
    rate = Fraction((len(times) - 1) / seconds).limit_denominator(1000)
    return min(max(rate, _LEAST_RATE), _MOST_RATE)


def clip_bytes(folder: Path) -> int | None:
    """Return the bytes of the clip of the frames in this folder; None where there is none yet."""
    return max((path.stat().st_size for path in folder.glob("clip-*.mp4")), default=None)


def _copy(frames: Sequence[Frame], folder: Path) -> None:
    """Copy the PNGs to 0.png, 1.png, …. Raises MediaError."""
    try:
        for at, frame in enumerate(frames):
            (folder / f"{at}.png").write_bytes(read_frame(frame.path, frame.sha256))
    except OSError as error:
        raise MediaError(
            f"{error.filename} cannot be made part of a clip: {error.strerror}",
            "Set hint_video_dir to a folder that can be written.",
        ) from error


def _kept(path: Path, size: Size, frames: int) -> bytes:
    """Return the clip that is kept; nothing where there is none, or none that is whole."""
    import av

    try:
        data = read_plain(path, MOST_FRAME_BYTES)
        with av.open(io.BytesIO(data), "r", format="mp4") as container:
            sizes = [Size(it.width, it.height) for it in container.decode(video=0)]
    except (OSError, IndexError, av.FFmpegError):
        return b""
    return data if sizes == [size] * frames else b""
