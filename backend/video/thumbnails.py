"""Small pictures of frames, to be looked at on a screen and then forgotten: nothing is written anywhere.

What a model is shown is drawn by `draw`. Here frames are decoded straight to a small size, which takes
some ms a frame. Everything here blocks: call it from a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from backend.errors import MediaError
from backend.sizes import Size
from backend.video.frame_choice import ChosenFrame
from backend.video.probe import Video, open_media

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

TIME_LIMIT = 10.0
"""Seconds that one look at a video may take."""
_LARGE = 2**25
"""Pixels; 8K has 33 million."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture."""

    size: Size
    pixels: bytes
    """Red, green, blue of each pixel, row by row from the top: 3 × width × height bytes."""

    def row(self, y: int) -> bytes:
        """The pixels of one row."""
        return self.pixels[3 * self.size.width * y : 3 * self.size.width * (y + 1)]


class LookEnded(Exception):
    """The look at a video was given up before it ended."""


def fit_within(source: Size, box: Size) -> Size:
    """The largest size with the source's aspect inside the box; each side at least 1."""
    scale = min(box.width / source.width, box.height / source.height)
    return Size(max(1, round(source.width * scale)), max(1, round(source.height * scale)))


def read_thumbnails(
    video: Video,
    chosen: Sequence[ChosenFrame],
    size: Size,
    cancelled: Callable[[], bool] = lambda: False,
    *,
    time_limit: float = TIME_LIMIT,
) -> Iterator[Thumbnail]:
    """One picture of `size` for each chosen frame, which ascend, as soon as it is decoded.

    Raises MediaError when the file can no longer be read or takes too long, and LookEnded when
    `cancelled` says so, which is asked at every frame that is decoded.
    """
    end = monotonic() + time_limit

    def check() -> None:
        if cancelled():
            raise LookEnded
        if monotonic() > end:
            raise MediaError(f"{video.path} takes too long to decode.", "Look at it in a player.")

    with open_media(video.path) as container:
        stream = container.streams.video[0]
        for candidate in container.streams.video:
            if candidate.index == video.stream:
                stream = candidate
        # Each thread holds a frame of its own, and pictures may be very large.
        large = video.size.width * video.size.height > _LARGE
        stream.thread_type = "NONE" if large else "AUTO"
        frames = _Frames(container, stream, check)
        for frame in chosen:
            yield _small(frames.at(frame), size)


class _Frames:
    """Decodes the frames of a file, skipping to near one where the file can."""

    def __init__(
        self, container: InputContainer, stream: VideoStream, check: Callable[[], None]
    ) -> None:
        self._container, self._stream, self._check = container, stream, check
        self._decoded = 0
        """Frames decoded since the beginning, while none was skipped."""
        self._going = self._decode()
        self._last: VideoFrame | None = None

    def at(self, chosen: ChosenFrame) -> VideoFrame:
        """The frame; the last one of the file when the chosen one is not there any more."""
        base, start = self._stream.time_base, self._stream.start_time
        if base is None or start is None:
            return self._walk(lambda _: self._decoded > chosen.index)
        wanted = start + round(chosen.time / base)
        if chosen.index:
            # A still picture, or the beginning, needs no skipping.
            self._container.seek(wanted, stream=self._stream, backward=True)
            self._going = self._decode()
        return self._walk(lambda frame: frame.pts is None or frame.pts >= wanted)

    def _walk(self, is_there: Callable[[VideoFrame], bool]) -> VideoFrame:
        if self._last is not None and is_there(self._last) and self._stream.start_time is None:
            return self._last
        for frame in self._going:
            self._last = frame
            if is_there(frame):
                break
        if self._last is None:
            raise MediaError("The video holds no frame that can be decoded.")
        return self._last

    def _decode(self) -> Iterator[VideoFrame]:
        from av import InvalidDataError

        for packet in self._container.demux(self._stream):
            self._check()
            try:
                decoded = packet.decode()
            except InvalidDataError:
                # A damaged frame is passed over, as ffmpeg does when it draws.
                continue
            for frame in decoded:
                self._check()
                self._decoded += 1
                yield frame


def _small(frame: VideoFrame, size: Size) -> Thumbnail:
    turns = round(frame.rotation / 90) % 4
    width, height = (size.height, size.width) if turns % 2 else (size.width, size.height)
    drawn = frame.reformat(width, height, "rgb24", interpolation="AREA")
    plane = drawn.planes[0]
    raw = bytes(plane)
    rows = [raw[y * plane.line_size : y * plane.line_size + 3 * width] for y in range(height)]
    for _ in range(turns):
        rows = _turned_left(rows)
    return Thumbnail(size, b"".join(rows))


def _turned_left(rows: list[bytes]) -> list[bytes]:
    """A picture turned by 90° against the clock: its last column becomes the first row."""
    width = len(rows[0]) // 3
    return [b"".join(row[3 * x : 3 * x + 3] for row in rows) for x in reversed(range(width))]
