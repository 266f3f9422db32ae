"""A numbered name, or a folder of frames, is looked at as a clip."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from backend.errors import InputError, MediaError
from backend.sizes import Size
from backend.video import (
    FrameSampling,
    MediaKind,
    RecentVideos,
    choose_frames,
    create_hint_video,
    prepare_frames,
    probe,
)
from backend.video.frame_cache import content_key
from backend.video.picture_sequences import find_sequence
from backend.video.thumbnails import read_thumbnails

Draw = Callable[..., Path]


@pytest.fixture
def frames(tmp_path: Path) -> Draw:
    """Draws pictures into a folder. The red of each is ten times its place in the list."""

    def draw(*names: str, size: tuple[int, int] = (64, 36)) -> Path:
        folder = tmp_path / "frames"
        folder.mkdir(exist_ok=True)
        for place, name in enumerate(names):
            Image.new("RGB", size, (10 * place, 90, 200)).save(folder / name)
        return folder

    return draw


def names(path: Path) -> list[str]:
    found = find_sequence(path)
    return [picture.name for picture in found.pictures] if found else []


@pytest.mark.parametrize(
    ("written", "there", "taken"),
    [
        ("f_%04d.png", "f_0002.png f_0010.png f_0001.png", "f_0001.png f_0002.png f_0010.png"),
        ("f_%04d.png", "f_0001.png f_002.png f_00003.png f_12345.png", "f_0001.png f_12345.png"),
        ("f_%d.png", "f_10.png f_9.png f_x.png", "f_9.png f_10.png"),
        ("f.$F4.exr", "f.0001.exr f.0002.exr f.0001.png", "f.0001.exr f.0002.exr"),
        ("${F3}.exr", "001.exr 002.exr", "001.exr 002.exr"),
        ("f.$F.exr", "f.1.exr f.20.exr", "f.1.exr f.20.exr"),
        ("f.####.exr", "f.0001.exr f.1.exr", "f.0001.exr"),
        ("f[1].##.png", "f[1].01.png f1.02.png", "f[1].01.png"),
        ("f_%02d.png", "f_٠٢.png f_01.png", "f_01.png"),
        ("", "f_2.png f_10.png .f_3.png notes.txt cut.mp4", "f_2.png f_10.png"),
        ("", "take2_001_480p.png take2_002_480p.png", "take2_001_480p.png take2_002_480p.png"),
        ("", "7.png", "7.png"),
        ("", "a_1.png b_2.png", ""),
        ("", "a_1_1.png a_2_2.png", ""),
        ("", "cover.png", ""),
        ("", "", ""),
    ],
)
def test_the_pictures_are_found_in_the_order_of_their_numbers(
    tmp_path: Path, written: str, there: str, taken: str
) -> None:
    for name in there.split():
        (tmp_path / name).touch()
    assert names(tmp_path / written) == taken.split()


def test_a_file_with_the_very_name_is_that_file(frames: Draw) -> None:
    folder = frames("f_%02d.png", "f_01.png")
    assert probe(folder / "f_%02d.png").kind is MediaKind.IMAGE


async def test_the_chosen_pictures_alone_are_drawn(frames: Draw, tmp_path: Path) -> None:
    folder = frames(*(f"f_{number}.png" for number in range(8, 14)))
    (folder / "f_10.png").write_bytes(b"no picture, and never chosen")
    video = probe(folder)
    assert (video.kind, video.size, video.frames) == (MediaKind.SEQUENCE, Size(64, 36), 6)
    assert (video.fps, video.duration, video.gaps) == (0, 0, 0)
    chosen = choose_frames(video, 2)
    assert [frame.index for frame in chosen] == [1, 4]
    for size in (video.size, Size(32, 18)):
        prepared = await prepare_frames(video, chosen, size, tmp_path / "kept")
        assert prepared.hint is None
        assert [(f.width, f.height) for f in prepared.frames] == [(size.width, size.height)] * 2
        assert [red(frame.path) for frame in prepared.frames] == [10, 40]
    small = list(read_thumbnails(video, chosen, Size(8, 4)))
    assert [picture.pixels[0] for picture in small] == pytest.approx([10, 40], abs=2)


def red(path: Path) -> int:
    with Image.open(path) as picture:
        pixel = picture.getpixel((5, 5))
    assert isinstance(pixel, tuple)
    return round(pixel[0])


def test_frames_are_chosen_by_their_places(frames: Draw) -> None:
    video = probe(frames("1.png", "2.png", "5.png"))
    assert video.gaps == 2
    first = choose_frames(video, 2, FrameSampling.FIRST)
    assert [frame.picture.name for frame in first if frame.picture] == ["1.png", "2.png"]
    assert [frame.index for frame in choose_frames(video, 9)] == [0, 1, 2]
    with pytest.raises(InputError, match="frame rate is not known"):
        choose_frames(video, 2, FrameSampling.FPS)


@pytest.mark.parametrize(
    ("fps", "count", "sampling", "chosen"),
    [
        (4, 3, FrameSampling.FPS, [(0, 0.0), (2, 0.5), (4, 1.0)]),
        (4, 9, FrameSampling.FPS, [(0, 0.0), (2, 0.5), (4, 1.0)]),
        (2.5, 9, FrameSampling.FPS, [(0, 0.0), (1, 0.4), (2, 0.8), (3, 1.2), (5, 2.0)]),
        (0.5, 9, FrameSampling.FPS, [(number, number * 2.0) for number in range(3)]),
        (1e-9, 2, FrameSampling.FPS, [(0, 0.0)]),
        (1e14, 2, FrameSampling.FPS, [(0, 0.0)]),
        (4, 2, FrameSampling.UNIFORM, [(1, 0.25), (4, 1.0)]),
    ],
)
def test_with_a_frame_rate_they_are_chosen_by_time(
    frames: Draw, fps: float, count: int, sampling: FrameSampling, chosen: list[tuple[int, float]]
) -> None:
    video = probe(frames(*(f"{number}.png" for number in range(6)))).with_rate(fps)
    assert (video.fps, video.duration) == (fps, 6 / fps)
    found = choose_frames(video, count, sampling)
    assert [(frame.index, frame.time) for frame in found] == chosen
    assert [frame.picture and frame.picture.name for frame in found] == [
        f"{index}.png" for index, _ in chosen
    ]


async def test_a_changed_picture_is_drawn_again(frames: Draw, tmp_path: Path) -> None:
    folder = frames("1.png", "2.png")
    videos, kept = RecentVideos(), tmp_path / "kept"
    for path in (folder, folder / "%d.png"):
        os.utime(folder, (0, 0))
        video = videos.probe(path)
        before = videos.content_key(path)
        (folder / "2.png").write_bytes((folder / "1.png").read_bytes())
        os.utime(folder, (0, 0))
        assert videos.content_key(path) == content_key(path) != before
        chosen = choose_frames(video, 2)
        prepared = await prepare_frames(video, chosen, video.size, kept)
        assert red(prepared.frames[1].path) == 0
        frames("1.png", "2.png")


async def test_what_is_no_sequence_of_equal_pictures_is_told(frames: Draw, tmp_path: Path) -> None:
    folder = frames("1.png", "2.png")
    frames("2.png", size=(20, 20))
    video = probe(folder)
    with pytest.raises(MediaError, match=r"2\.png is 20x20, where the first"):
        await prepare_frames(video, choose_frames(video, 2), video.size, tmp_path / "kept")
    with pytest.raises(MediaError, match="2 places for a number"):
        probe(folder / "%d_####.png")
    with pytest.raises(MediaError, match=r"no hint video can be made.\n.*-i frame_%04d\.png "):
        await create_hint_video(folder / "%d.png", tmp_path / "hint.mp4")


def test_no_link_leads_out_of_the_folder(frames: Draw, tmp_path: Path) -> None:
    folder = frames("1.png", "2.png")
    (folder / "3.png").symlink_to("1.png")
    assert probe(folder).frames == 3
    private = tmp_path / "private.png"
    (folder / "1.png").rename(private)
    (folder / "1.png").symlink_to(private)
    for path in (folder, folder / "%d.png"):
        with pytest.raises(MediaError, match="a link that leads out of its folder"):
            probe(path)
