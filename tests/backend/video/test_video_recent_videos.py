"""What is remembered of a video holds as long as its file is the same."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from backend.video import FrameSampling, RecentVideos, Video, choose_frames, probe
from backend.video.frame_cache import content_key

LONG_AGO = time.time() - 3_600


@pytest.fixture
def clip(counted_clip: Path, tmp_path: Path) -> Path:
    """A clip that nobody touched for an hour."""
    path = tmp_path / "clip.mp4"
    shutil.copyfile(counted_clip, path)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


@pytest.fixture
def probed() -> list[Path]:
    """The files that are really opened to be probed."""
    return []


@pytest.fixture
def videos(probed: list[Path]) -> RecentVideos:
    """Videos whose probing is noted."""

    def note(path: Path) -> Video:
        probed.append(path)
        return probe(path)

    return RecentVideos(note)


def test_a_video_is_read_once_and_what_is_said_of_it_is_the_same(
    clip: Path, videos: RecentVideos, probed: list[Path]
) -> None:
    for _ in range(3):
        assert videos.probe(clip) == probe(clip)
        asked = (probe(clip), 2, FrameSampling.UNIFORM)
        assert videos.choose_frames(*asked) == choose_frames(*asked)
        assert videos.content_key(clip) == content_key(clip)
    assert probed == [clip]


def test_a_video_that_was_replaced_is_read_again(clip: Path, uneven_clip: Path) -> None:
    videos = RecentVideos()
    before = (videos.probe(clip), videos.content_key(clip))
    shutil.copyfile(uneven_clip, clip)
    os.utime(clip, (LONG_AGO, LONG_AGO))
    after = (videos.probe(clip), videos.content_key(clip))
    assert after == (probe(clip), content_key(clip))
    assert after != before


def test_a_video_that_may_still_be_written_is_read_each_time(
    clip: Path, videos: RecentVideos, probed: list[Path]
) -> None:
    clip.touch()
    videos.probe(clip)
    videos.probe(clip)
    assert probed == [clip, clip]
