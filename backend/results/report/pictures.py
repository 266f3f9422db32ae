"""Makes the small pictures of the frames that were sent with a prompt, as data URIs for the page.

They are decoded anew from the media, at the times that the provenance tells. Their number and their bytes are
bounded for each prompt. Everything here blocks.
"""

from __future__ import annotations

import base64
import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from backend.errors import UpsampleError
from backend.results.report.reported import ReportedPrompt
from backend.sizes import Size
from backend.video import ChosenFrame, FrameSampling, MediaKind, RecentVideos, Video, choose_frames
from backend.video.frame_choice import frame_label
from backend.video.picture_sequences import find_sequence
from backend.video.thumbnails import Thumbnail, read_thumbnails

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

MOST_PICTURES = 8
"""Pictures of one prompt. A model may be sent 64 frames; the page then shows some of them."""
MOST_BYTES = 22_000
"""Bytes of all pictures of one prompt, before base64 makes four of three."""
_PIXELS = 300_000
"""Pixels of all pictures of one prompt, about."""
_WIDEST, _TALLEST = 560, 420
_REMEMBERED = 32
"""How many prompts' pictures are kept: prompts that follow one another often share a video."""


@dataclass(frozen=True, slots=True)
class PagePicture:
    """The picture of one frame."""

    uri: str
    """The whole picture, as a data URI."""
    size: Size
    label: str
    """When the frame appears, and in which of the media."""


@dataclass(frozen=True, slots=True)
class PromptPictures:
    """The pictures of one prompt."""

    pictures: tuple[PagePicture, ...] = ()
    note: str = ""
    """What is to be said of them: that there are more, or why there are none."""


class _Key(NamedTuple):
    media: tuple[Path, ...]
    times: tuple[float, ...]
    kinds: str
    fps: float | None
    sampling: FrameSampling


class PictureMaker:
    """Makes the pictures of one prompt after the other, and keeps those of the last ones."""

    def __init__(self) -> None:
        self._videos = RecentVideos()
        self._kept: OrderedDict[_Key, PromptPictures] = OrderedDict()

    def make(self, prompt: ReportedPrompt) -> PromptPictures:
        """Return the pictures of the frames that were sent with a prompt. Raises nothing."""
        made = next((r.made for r in prompt.results if r.made.frames), None)
        if made is None:
            return PromptPictures()
        if not prompt.media:
            return PromptPictures(note="The media that were sent are not known.")
        key = _Key(prompt.media, made.frames, made.media, prompt.fps, prompt.sampling)
        if key not in self._kept:
            self._kept[key] = self._make(key)
            if len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _make(self, key: _Key) -> PromptPictures:
        parts = _times_by_medium(key.times, len(key.media))
        if parts is None:
            return PromptPictures(note="Which frame is of which of the media is not known.")
        names = key.kinds.split("+")
        if len(names) != len(parts) or len(names) == 1:
            names = [""] * len(parts)
        shown = list(zip(key.media, parts, names, strict=True))[:MOST_PICTURES]
        most = MOST_PICTURES // len(shown)
        count = sum(min(most, len(times)) for _, times, _ in shown)
        pictures: list[PagePicture] = []
        note = f"{count} of the {len(key.times):,} frames" if count < len(key.times) else ""
        for path, times, name in shown:
            try:
                pictures += self._read(key, path, _spread(times, most), name, count)
            except (UpsampleError, OSError) as error:
                # What a file cannot show is said, and the page goes on. Its folder is nobody's business.
                problem = error.problem if isinstance(error, UpsampleError) else str(error)
                note = f"No picture: {problem.replace(str(path), path.name)}"
        return PromptPictures(tuple(pictures), note)

    def _read(
        self, key: _Key, path: Path, times: Sequence[float], name: str, count: int
    ) -> Iterator[PagePicture]:
        """Yield the pictures of one medium, which is one of those with `count` pictures altogether."""
        video = self._videos.probe(path).with_rate(key.fps)
        frames = _chosen(video, times, key.sampling)
        thumbnails = read_thumbnails(video, frames, _picture_size(video.size, count))
        for frame, thumbnail in zip(frames, thumbnails, strict=True):
            label = f"{name} {frame_label(video.kind, frame)}".strip()
            yield _picture(thumbnail, label, MOST_BYTES // count)


def _times_by_medium(times: Sequence[float], media: int) -> list[tuple[float, ...]] | None:
    """Return the times of each medium's frames. The frames of one medium follow one another.

    Their times ascend, so a time that does not begins the next medium. Where that makes another number of
    media, as with pictures without a rate, each has as many frames. None when that cannot be, either.
    """
    parts: list[list[float]] = [[]]
    for time in times:
        if media > 1 and parts[-1] and time <= parts[-1][-1]:
            parts.append([])
        parts[-1].append(time)
    if len(parts) == media:
        return [tuple(part) for part in parts]
    if len(times) % media:
        return None
    size = len(times) // media
    return [tuple(times[at : at + size]) for at in range(0, len(times), size)]


def _chosen(
    video: Video, times: Sequence[float], sampling: FrameSampling
) -> tuple[ChosenFrame, ...]:
    """Return the frames of a medium that appear at these times."""
    if video.kind is MediaKind.IMAGE:
        return (ChosenFrame(0, 0.0),)
    if video.kind is MediaKind.VIDEO:
        return tuple(ChosenFrame(_index(time, video.fps), time) for time in times)
    sequence = find_sequence(video.path)
    if not video.fps or sequence is None:
        return choose_frames(video, len(times), sampling)
    numbers = [min(round(time * video.fps), len(sequence.pictures) - 1) for time in times]
    return tuple(
        ChosenFrame(number, time, sequence.pictures[number])
        for number, time in zip(numbers, times, strict=True)
    )


def _index(time: float, fps: float) -> int:
    """Return about which frame of a video appears at this time; only the first one has the number 0."""
    return max(1, round(time * fps)) if time else 0


def _spread(times: Sequence[float], most: int) -> Sequence[float]:
    """Return at most so many of the times, equally far apart, with the first and the last one."""
    if len(times) <= most:
        return times
    step = (len(times) - 1) / max(1, most - 1)
    return [times[round(n * step)] for n in range(most)]


def _picture_size(source: Size, count: int) -> Size:
    """Return the size of each of `count` pictures; no larger than the source. Both sides are even."""
    wide = math.sqrt(_PIXELS / count * source.width / source.height)
    scale = min(1.0, wide / source.width, _WIDEST / source.width, _TALLEST / source.height)
    return _even(source.width * scale, source.height * scale)


def _even(width: float, height: float) -> Size:
    return Size(max(2, round(width / 2) * 2), max(2, round(height / 2) * 2))


# --- encoding ------------------------------------------------------------------------------------


class _Codec(NamedTuple):
    name: str
    """ffmpeg's name of the encoder."""
    mime: str
    pixels: str
    steps: tuple[dict[str, str], ...]
    """Options for ever fewer bytes."""


_WEBP = _Codec(
    "libwebp", "image/webp", "yuv420p", tuple({"quality": q} for q in ("72", "50", "30", "12"))
)
_JPEG = _Codec(
    "mjpeg", "image/jpeg", "yuvj420p", tuple({"qmin": q, "qmax": q} for q in ("5", "9", "16", "31"))
)


@cache
def _codec() -> _Codec:
    """Return WebP where this PyAV has an encoder for it, else JPEG."""
    from av.codec import Codec
    from av.codec.codec import UnknownCodecError

    try:
        Codec(_WEBP.name, "w")
    except UnknownCodecError:
        return _JPEG
    return _WEBP


def _picture(thumbnail: Thumbnail, label: str, most: int) -> PagePicture:
    """Encode a picture in at most so many bytes: with less quality, and at last with fewer pixels."""
    codec, size = _codec(), thumbnail.size
    data = b""
    while True:
        for options in codec.steps:
            data = _encode(thumbnail, size, codec, options)
            if len(data) <= most:
                break
        smaller = _even(size.width / 2, size.height / 2)
        if len(data) <= most or smaller == size:
            break
        size = smaller
    uri = f"data:{codec.mime};base64,{base64.b64encode(data).decode()}"
    return PagePicture(uri, thumbnail.size, label)


def _encode(thumbnail: Thumbnail, size: Size, codec: _Codec, options: dict[str, str]) -> bytes:
    from av.codec import CodecContext
    from av.video.frame import VideoFrame

    source = thumbnail.size
    frame = VideoFrame(source.width, source.height, "rgb24")
    plane = frame.planes[0]
    if plane.line_size == 3 * source.width:
        plane.update(thumbnail.pixels)
    else:
        padding = plane.line_size - 3 * source.width
        rows = (thumbnail.row(y) + bytes(padding) for y in range(source.height))
        plane.update(b"".join(rows))
    encoder = cast("VideoCodecContext", CodecContext.create(codec.name, "w"))
    encoder.width, encoder.height = size.width, size.height
    encoder.pix_fmt, encoder.time_base = codec.pixels, Fraction(1, 25)
    encoder.options = options
    drawn = frame.reformat(size.width, size.height, codec.pixels, interpolation="AREA")
    drawn.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(drawn), *encoder.encode(None)])
