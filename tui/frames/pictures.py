"""The pictures of a spec's frames: their choice, size and place, and a cache of them. No widgets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from backend.planning.plan import Plan
from backend.sizes import Size
from backend.video import FrameSampling, Video, choose_frames
from backend.video.frame_choice import frame_label
from backend.video.thumbnails import Thumbnail, ThumbnailsCancelled, fit_within, read_thumbnails

KEPT = 256
"""How many pictures the cache keeps: about 3 MB of those that a window of 120 columns shows."""
KEPT_LARGE = 24
"""How many pictures the cache keeps where they are drawn in pixels: about 15 MB."""

GAP = 2
"""Cells between two pictures."""
_WIDEST = 96
_LEAST = 14
"""Cells of a picture, at most and at least."""
_TALLEST = 24
_LOWEST = 3
"""The greatest and the least height of a picture in lines."""
_MOST = 16
"""How many pictures are shown at most; a model may be sent 64."""


@dataclass(frozen=True, slots=True)
class Look:
    """The frames of a spec that are to be shown."""

    shown: tuple[tuple[Video, int], ...]
    """The videos, each with how many of its frames are sent; at least one."""
    sampling: FrameSampling

    @property
    def source(self) -> Size:
        """The size of the first video; all frames are sent in its shape."""
        return self.shown[0][0].size

    @property
    def frames(self) -> int:
        """How many frames are sent of all videos together."""
        return sum(frames for _, frames in self.shown)


def look_at(plan: Plan | None, sampling: FrameSampling) -> Look | None:
    """Return the frames that this plan would send; None for a text, or a video that cannot be read."""
    return Look(plan.shown, sampling) if plan is not None and plan.shown else None


@dataclass(frozen=True, slots=True)
class Grid:
    """The arrangement of pictures beside and below each other."""

    columns: int
    shown: int
    """How many pictures there is room for."""
    size: Size
    """The size of each picture in half-blocks: a cell is one pixel wide and two high."""

    @property
    def lines(self) -> int:
        """How many lines a row of pictures takes, without the labels above it."""
        return (self.size.height + 1) // 2


def lay_out(source: Size, count: int, width: int, height: int) -> Grid | None:
    """Arrange `count` pictures of this shape in so many cells and lines; return None if there is no room.

    Each row of pictures has a line above it that says when its frames appear. Of all arrangements, the one
    is taken in which the pictures cover most of the room.
    """
    wanted = min(count, _MOST)
    grids = [
        grid
        for columns in range(1, wanted + 1)
        if (grid := _grid(source, wanted, columns, width, height)) is not None
    ]
    return max(grids, key=lambda grid: grid.shown * grid.size.area, default=None)


def _grid(source: Size, count: int, columns: int, width: int, height: int) -> Grid | None:
    """Arrange pictures in so many columns; return None where they would be too small to make out."""
    across = min(_WIDEST, (width - GAP * (columns - 1)) // columns)
    # Better fewer than none that can be made out.
    rows = min(-(-count // columns), height // (_LOWEST + 1))
    if across < _LEAST or rows < 1:
        return None
    tall = min(_TALLEST, height // rows - 1)
    size = _even(fit_within(source, Size(across, tall * 2)))
    return Grid(columns, min(count, rows * columns), size)


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture of one frame."""

    label: str
    """When the frame appears, and in which video."""
    thumbnail: Thumbnail


@dataclass(frozen=True, slots=True)
class _Key:
    path: Path
    changed: int
    """When the file was last changed, in nanoseconds."""
    bytes: int
    size: Size
    index: int


class PictureBook:
    """Reads the pictures of frames, and keeps those that were used last. Threads may share it."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._lock = Lock()
        self._kept: OrderedDict[_Key, Thumbnail] = OrderedDict()
        self.decoded = 0
        """How many pictures were decoded, because they were not kept."""

    def __len__(self) -> int:
        return len(self._kept)

    def read(
        self, look: Look, size: Size, most: int, cancelled: Callable[[], bool]
    ) -> Iterator[Picture]:
        """Read the first `most` frames that are sent, in their order. Blocks.

        Raises MediaError when a file cannot be read, and ThumbnailsCancelled when `cancelled` returns
        true.
        """
        for number, (video, frames) in enumerate(look.shown):
            whose = "control " if number else "video " if look.shown[1:] else ""
            count = min(frames, most)
            yield from self._read(video, frames, look.sampling, size, whose, count, cancelled)
            most -= count

    def _read(
        self,
        video: Video,
        frames: int,
        sampling: FrameSampling,
        size: Size,
        whose: str,
        most: int,
        cancelled: Callable[[], bool],
    ) -> Iterator[Picture]:
        if cancelled():
            raise ThumbnailsCancelled
        chosen = choose_frames(video, frames, sampling)[:most]
        keys = [_key(frame.picture or video.path, size, frame.index) for frame in chosen]
        kept = [self._find(key) for key in keys]
        missing = [frame for frame, found in zip(chosen, kept, strict=True) if found is None]
        fresh = read_thumbnails(video, missing, size, cancelled)
        for frame, key, found in zip(chosen, keys, kept, strict=True):
            thumbnail = found or self._keep(key, next(fresh))
            yield Picture(whose + frame_label(video.kind, frame), thumbnail)

    def _find(self, key: _Key) -> Thumbnail | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: _Key, thumbnail: Thumbnail) -> Thumbnail:
        with self._lock:
            self.decoded += 1
            self._kept[key] = thumbnail
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return thumbnail


def _key(path: Path, size: Size, index: int) -> _Key:
    try:
        stat = path.stat()
    except OSError:
        # Reading it will say what is wrong, in words.
        return _Key(path, 0, 0, size, index)
    return _Key(path, stat.st_mtime_ns, stat.st_size, size, index)


def _even(size: Size) -> Size:
    """Make the height even, so that no line is only half a picture."""
    return Size(size.width, max(2, size.height & ~1))
