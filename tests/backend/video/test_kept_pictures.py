"""What is kept of frames and hint videos is found, and the oldest of it removed."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from backend.sizes import Size
from backend.video import choose_frames, prepare_frames, probe
from backend.video.kept_pictures import KeptPictures, choose_oldest, list_kept, remove_kept
from tests.support.kept_pictures import KEY, make_frames, make_hint


def test_only_what_has_our_names_is_listed_and_removed(tmp_path: Path) -> None:
    hints, theirs = tmp_path / "hints", tmp_path / "theirs"
    make_hint(hints, f"{KEY}-64x36.mp4", 3)
    make_frames(hints, f"{KEY}-64x36-0a1b2c3d", 2)
    alone = {
        make_frames(hints, ".drawing-d4e5f6", time.time()),
        make_frames(hints, "my frames", 1),
        make_hint(hints, "holiday.mp4", 1),
        make_hint(hints, f"{KEY}-64x36.json", 1),
    }
    precious = make_frames(theirs, "precious", 1)
    (hints / f"{KEY}-1x1-aaaaaaaa").symlink_to(precious)
    (hints / f"{KEY}-1x1.mp4").symlink_to(precious / "frame-0.png")
    kept = list_kept(hints)
    assert [each.used for each in kept] == [2, 3]
    assert [each.is_hint for each in kept] == [False, True]
    assert all(each.size == 100 for each in kept)
    assert remove_kept(hints, kept) == kept
    assert {path for path in hints.iterdir() if not path.is_symlink()} == alone
    assert (precious / "frame-0.png").exists()


def test_what_another_process_removes_meanwhile_hides_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = make_frames(tmp_path, f"{KEY}-64x36-0a1b2c3d", 1)
    make_frames(tmp_path, f"{KEY}-64x36-ffffffff", 2)
    real_open = os.open

    def remove_and_open(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path == going.name:
            shutil.rmtree(going)
        return real_open(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", remove_and_open)
    assert [each.used for each in list_kept(tmp_path)] == [2]


def test_a_folder_behind_a_link_is_left_alone(tmp_path: Path) -> None:
    make_frames(tmp_path / "theirs", f"{KEY}-64x36-0a1b2c3d", 1)
    (tmp_path / "hints").symlink_to("theirs")
    assert list_kept(tmp_path / "hints") == []
    kept = list_kept(tmp_path / "theirs")
    assert remove_kept(tmp_path / "hints", kept) == []
    assert list_kept(tmp_path / "theirs") == kept


@pytest.mark.parametrize(
    ("most", "since", "chosen"),
    [
        (300, 99, []),
        (299, 99, [1]),
        (150, 99, [1, 2]),
        (0, 99, [1, 2, 3]),
        (0, 2, [1]),
        (0, 1, []),
    ],
)
def test_what_was_used_longest_ago_goes_first_and_what_is_needed_stays(
    most: int, since: float, chosen: list[float]
) -> None:
    kept = [KeptPictures(str(used), 100, used, is_hint=False) for used in (1.0, 2.0, 3.0)]
    assert [each.used for each in choose_oldest(kept, most, since)] == chosen


async def test_frames_that_are_used_again_count_as_new(counted_clip: Path, tmp_path: Path) -> None:
    video = probe(counted_clip)
    for _ in range(2):
        await prepare_frames(video, choose_frames(video, 1), Size(32, 18), tmp_path / "hints")
        (hint, frames) = sorted(list_kept(tmp_path / "hints"), key=lambda kept: not kept.is_hint)
        assert min(hint.used, frames.used) > time.time() - 60
        for each in (hint, frames):
            os.utime(tmp_path / "hints" / each.name, (1, 1))
