"""Caches what was read of recent videos, so that jobs that share a video do not all read it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from backend.files import file_stamp
from backend.video.frame_cache import content_key
from backend.video.frame_choice import ChosenFrame, FrameSampling, choose_frames
from backend.video.probe import Video, probe

_REMEMBERED = 64
"""Videos in the cache. Jobs with the same frames run one after the other, so few are enough."""


class RecentVideos:
    """`probe`, `choose_frames` and `content_key` with a cache. A changed file is read again.

    Safe to share between threads. Every method blocks, and raises the errors of the function that it caches.
    """

    def __init__(self, probe: Callable[[Path], Video] = probe) -> None:
        self._probe = probe
        self._probed = lru_cache(_REMEMBERED)(lambda path, _stamp: probe(path))
        self._chosen = lru_cache(_REMEMBERED)(lambda _stamp, *asked: choose_frames(*asked))
        self._contents = lru_cache(_REMEMBERED)(lambda path, _stamp: content_key(path))

    def probe(self, path: Path) -> Video:
        """Probe a file, as `backend.video.probe` does."""
        stamp = file_stamp(str(path))
        return self._probed(path, stamp) if stamp else self._probe(path)

    def choose_frames(
        self, video: Video, count: int, sampling: FrameSampling
    ) -> tuple[ChosenFrame, ...]:
        """Choose frames, as `backend.video.choose_frames` does."""
        stamp = file_stamp(str(video.path))
        asked = (video, count, sampling)
        return self._chosen(stamp, *asked) if stamp else choose_frames(*asked)

    def content_key(self, path: Path) -> str:
        """Hash a file's content, as `backend.video.frame_cache.content_key` does."""
        stamp = file_stamp(str(path))
        return self._contents(path, stamp) if stamp else content_key(path)
