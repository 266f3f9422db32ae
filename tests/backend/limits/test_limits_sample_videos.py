"""Test videos: real ones, of exactly the size that was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.errors import InputError
from backend.limits.sample_videos import FRAMES, draw_test_videos
from backend.sizes import Size
from backend.video import MediaKind

SIZES = [Size(64, 36), Size(61, 35), Size(33, 64)]


def test_each_video_has_its_size_and_its_frames_odd_sides_too(tmp_path: Path) -> None:
    videos = list(draw_test_videos(SIZES, tmp_path / "new"))
    assert [video.size for video in videos] == SIZES
    assert {(video.kind, video.frames) for video in videos} == {(MediaKind.VIDEO, FRAMES)}


def test_what_is_there_is_kept_and_what_is_torn_is_drawn_again(tmp_path: Path) -> None:
    kept, torn = draw_test_videos(SIZES[:2], tmp_path)
    before = kept.path.stat().st_mtime_ns
    torn.path.write_bytes(torn.path.read_bytes()[:500])

    assert [video.size for video in draw_test_videos(SIZES[:2], tmp_path)] == SIZES[:2]
    assert kept.path.stat().st_mtime_ns == before


def test_a_folder_that_cannot_be_is_told_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="output-dir"):
        list(draw_test_videos(SIZES, tmp_path / "file" / "videos"))


def test_a_test_video_is_not_drawn_through_a_link(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    precious = theirs / "precious"
    precious.write_text("mine")
    folder = tmp_path / "out" / "videos"
    folder.mkdir(parents=True)
    (folder / f"{SIZES[0]}.mp4").symlink_to(precious)
    list(draw_test_videos(SIZES[:1], folder))
    assert precious.read_text() == "mine"
    (tmp_path / "out" / "linked").symlink_to(theirs)
    with pytest.raises(InputError, match="link"):
        list(draw_test_videos(SIZES[:1], tmp_path / "out" / "linked"))
    assert list(theirs.iterdir()) == [precious]
