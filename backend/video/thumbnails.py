"""Decodes small pictures of frames for the screen. They are written to no file.

The frames for the model are drawn by `draw`. Here frames are decoded directly to a small size, which takes
some ms for each frame. Everything here blocks: call it from a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING

from backend.errors import MediaError
from backend.sizes import Size
from backend.video.colours import Filter, screen_filters, write_tables
from backend.video.frame_choice import ChosenFrame
from backend.video.probe import MediaKind, Video, open_media, picture_of
from backend.video.tiles import ALL_TILES, draw_small

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

TIME_LIMIT = 10.0
"""Seconds that reading the thumbnails of a video may take."""
_LARGE = 2**25
"""Pixels of a picture from which on only one thread decodes; 8K has 33 million."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture."""

    size: Size
    pixels: bytes
    """Red, green, blue of each pixel, row by row from the top: 3 × width × height bytes."""

    def row(self, y: int) -> bytes:
        """The pixels of one row."""
        return self.pixels[3 * self.size.width * y : 3 * self.size.width * (y + 1)]


class ThumbnailsCancelled(Exception):
    """The caller cancelled the reading of thumbnails."""


def fit_within(source: Size, box: Size) -> Size:
    """Return the largest size with the source's aspect that fits in the box; each side is at least 1."""
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
    """Yield one picture of `size` for each chosen frame, as soon as it is decoded. `chosen` must ascend.

    Raises MediaError when the file can no longer be read or takes too long. `cancelled` is called at every
    decoded frame; once it returns True, ThumbnailsCancelled is raised.
    """
    if video.kind is MediaKind.SEQUENCE:
        for frame in chosen:
            still = picture_of(video.path, frame.picture or video.path, video.size)
            first = (ChosenFrame(0, 0.0),)
            yield from read_thumbnails(still, first, size, cancelled, time_limit=time_limit)
        return
    if video.stream == ALL_TILES:
        yield Thumbnail(size, draw_small(video.path, video.stream, size))
        return
    yield from _read_clip(video, chosen, size, cancelled, time_limit)


def _read_clip(
    video: Video,
    chosen: Sequence[ChosenFrame],
    size: Size,
    cancelled: Callable[[], bool],
    time_limit: float,
) -> Iterator[Thumbnail]:
    end = monotonic() + time_limit

    def check() -> None:
        if cancelled():
            raise ThumbnailsCancelled
        if monotonic() > end:
            raise MediaError(f"{video.path} takes too long to decode.", "Look at it in a player.")

    with open_media(video.path) as container:
        stream = container.streams.video[0]
        for candidate in container.streams.video:
            if candidate.index == video.stream:
                stream = candidate
        # Each decoder thread keeps a frame in memory, and pictures may be very large.
        large = video.size.width * video.size.height > _LARGE
        stream.thread_type = "NONE" if large else "AUTO"
        with (
            closing(_Frames(container, stream, check)) as frames,
            TemporaryDirectory(prefix="upsample-colours-") as folder,
        ):
            filters = _colour_filters(video, Path(folder))
            for frame in chosen:
                yield _small(frames.at(frame), size, filters)


class _Frames:
    """Decodes frames of a file, and seeks close to a wanted frame where the file allows it."""

    def __init__(
        self, container: InputContainer, stream: VideoStream, check: Callable[[], None]
    ) -> None:
        self._container, self._stream, self._check = container, stream, check
        self._decoded = 0
        """Frames decoded so far; the position in the file as long as there was no seek."""
        self._going = self._decode()
        self._last: VideoFrame | None = None

    def close(self) -> None:
        """Let go of the decoder with its threads and frames at once. The generator refers to this object,
        so that only the garbage collector would find both, long after.
        """
        self._going.close()
        self._last = None

    def at(self, chosen: ChosenFrame) -> VideoFrame:
        """Return the chosen frame, or the last frame of the file when the chosen one no longer exists."""
        base, start = self._stream.time_base, self._stream.start_time
        if base is None or start is None:
            return self._walk(lambda _: self._decoded > chosen.index)
        wanted = start + round(chosen.time / base)
        if chosen.index:
            # The first frame needs no seek.
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

    def _decode(self) -> Generator[VideoFrame]:
        from av import InvalidDataError

        for packet in self._container.demux(self._stream):
            self._check()
            try:
                decoded = packet.decode()
            except InvalidDataError:
                # A damaged frame is skipped, as ffmpeg does when it draws.
                continue
            for frame in decoded:
                self._check()
                self._decoded += 1
                yield frame


def _colour_filters(video: Video, folder: Path) -> tuple[Filter, ...]:
    """Return the filters that give the video's frames the colours of an ordinary screen; often none."""
    if video.colours is None:
        return ()
    write_tables(video.colours, folder)
    return (*screen_filters(video.colours, folder), ("format", {"pix_fmts": "rgb24"}))


def _small(frame: VideoFrame, size: Size, filters: Sequence[Filter]) -> Thumbnail:
    turns = round(frame.rotation / 90) % 4
    width, height = (size.height, size.width) if turns % 2 else (size.width, size.height)
    pixels = filters[0][1]["pix_fmts"] if filters else "rgb24"
    drawn = frame.reformat(width, height, pixels, interpolation="AREA")
    if filters:
        drawn = _filtered(drawn, filters)
    plane = drawn.planes[0]
    raw = bytes(plane)
    rows = [raw[y * plane.line_size : y * plane.line_size + 3 * width] for y in range(height)]
    for _ in range(turns):
        rows = _turned_left(rows)
    return Thumbnail(size, b"".join(rows))


def _filtered(frame: VideoFrame, filters: Sequence[Filter]) -> VideoFrame:
    from av.filter import Graph

    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1)
    )
    nodes = [graph.add(name, **options) for name, options in filters]
    graph.link_nodes(source, *nodes, graph.add("buffersink")).configure()
    graph.vpush(frame)
    return graph.vpull()


def _turned_left(rows: list[bytes]) -> list[bytes]:
    """Turn a picture by 90° counter-clockwise: its last column becomes the first row."""
    width = len(rows[0]) // 3
    return [b"".join(row[3 * x : 3 * x + 3] for row in rows) for x in reversed(range(width))]
