"""That the very frames chosen are drawn, at their size, and what a hint video shows."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from PIL import Image

from backend.errors import InputError, MediaError
from backend.sizes import Size
from backend.video import (
    ChosenFrame,
    Frame,
    FrameSampling,
    choose_frames,
    create_hint_video,
    prepare_frames,
    probe,
)
from backend.video.ffmpeg import Drawing, draw
from backend.video.thumbnails import read_thumbnails

RunFfmpeg = Callable[..., None]
Numbered = Callable[[int], str]

HALF = Size(32, 18)


def number_in(path: Path) -> int:
    """The number that a picture of a counted clip tells."""
    with Image.open(path) as picture:
        assert picture.mode == "RGB"
        pixel = picture.getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(pixel, tuple)
    return round(pixel[1] * 219 / 255 / 4)


def numbers_in(clip: Path) -> list[int]:
    """The number of every frame, in showing order, as decoded by av."""
    with av.open(str(clip)) as container:
        planes = [frame.planes[0] for frame in container.decode(video=0)]
        return [round((bytes(plane)[plane.line_size * 4 + 8] - 16) / 4) for plane in planes]


# --- the very frames ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [Size(64, 36), HALF])
async def test_the_chosen_frames_are_the_ones_drawn(
    counted_clip: Path, tmp_path: Path, size: Size
) -> None:
    video = probe(counted_clip)
    chosen = choose_frames(video, 7)
    prepared = await prepare_frames(video, chosen, size, tmp_path)
    assert [number_in(frame.path) for frame in prepared.frames] == [f.index for f in chosen]
    assert [frame.time for frame in prepared.frames] == [f.time for f in chosen]
    for frame in prepared.frames:
        assert frame == Frame(
            frame.path,
            hashlib.sha256(frame.path.read_bytes()).hexdigest(),
            *_sides(size),
            frame.time,
            frame.path.stat().st_size,
        )
        with Image.open(frame.path) as picture:
            assert picture.size == _sides(size)


async def test_uneven_frames_are_the_ones_drawn(uneven_clip: Path, tmp_path: Path) -> None:
    video = probe(uneven_clip)
    chosen = choose_frames(video, 30, FrameSampling.FIRST)
    prepared = await prepare_frames(video, chosen, video.size, tmp_path)
    assert [number_in(frame.path) for frame in prepared.frames] == list(range(30))


@pytest.mark.parametrize("suffix", ["mkv", "avi", "ts", "h264", "webm"])
async def test_every_container_gives_the_very_frames(
    tmp_path: Path, run_ffmpeg: RunFfmpeg, numbered: Numbered, suffix: str
) -> None:
    clip = tmp_path / f"clip.{suffix}"
    run_ffmpeg("-f", "lavfi", "-i", numbered(48), "-crf", "1", clip)
    video = probe(clip)
    chosen = choose_frames(video, 5)
    assert len(chosen) == 5
    prepared = await prepare_frames(video, chosen, HALF, tmp_path / "hints")
    shown = numbers_in(clip)
    assert [number_in(f.path) for f in prepared.frames] == [shown[c.index] for c in chosen]


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> list[Drawing]:
    """What ffmpeg is run for."""
    drawn: list[Drawing] = []

    async def note(drawing: Drawing, folder: Path, *, ffmpeg: Path, time_limit: float) -> None:
        drawn.append(drawing)
        await draw(drawing, folder, ffmpeg=ffmpeg, time_limit=time_limit)

    monkeypatch.setattr(sys.modules["backend.video.draw"], "draw", note)
    return drawn


@pytest.mark.parametrize(
    ("suffix", "every", "count"), [("mp4", 12, 3), ("mkv", 4, 9), ("ts", 12, 3), ("webm", 12, 3)]
)
async def test_key_frames_are_drawn_without_the_frames_between_them(
    tmp_path: Path,
    run_ffmpeg: RunFfmpeg,
    numbered: Numbered,
    drawings: list[Drawing],
    suffix: str,
    every: int,
    count: int,
) -> None:
    clip = tmp_path / f"clip.{suffix}"
    codec = ("-c:v", "libx264") if suffix == "ts" else ()
    run_ffmpeg("-f", "lavfi", "-i", numbered(48), *codec, "-crf", "1", "-g", str(every), clip)
    video = probe(clip)
    chosen = choose_frames(video, count, FrameSampling.KEYFRAMES)
    prepared = await prepare_frames(video, chosen, HALF, tmp_path / "hints")
    shown = numbers_in(clip)
    assert [number_in(f.path) for f in prepared.frames] == [shown[c.index] for c in chosen]
    assert [c.index % every for c in chosen] == [0] * count
    assert [drawing.only_key_frames for drawing in drawings] == [True]
    assert prepared.hint is None


async def test_a_key_frame_that_is_not_found_by_its_time_is_drawn_by_its_number(
    counted_clip: Path, tmp_path: Path, drawings: list[Drawing]
) -> None:
    video = probe(counted_clip)
    prepared = await prepare_frames(video, [ChosenFrame(24, 1.0, None, 0.7)], HALF, tmp_path)
    assert [number_in(frame.path) for frame in prepared.frames] == [24]
    assert [drawing.only_key_frames for drawing in drawings] == [True, False]


async def test_frames_that_an_edit_list_cuts_away_do_not_count(
    counted_clip: Path, tmp_path: Path, run_ffmpeg: RunFfmpeg
) -> None:
    clip = tmp_path / "trimmed.mp4"
    run_ffmpeg("-ss", "0.3", "-i", counted_clip, "-c", "copy", clip)
    shown = numbers_in(clip)
    video = probe(clip)
    chosen = choose_frames(video, 1000, FrameSampling.FIRST)
    assert shown[0] > 0
    assert len(chosen) == len(shown)
    prepared = await prepare_frames(video, chosen[:4], HALF, tmp_path / "hints")
    assert [number_in(frame.path) for frame in prepared.frames] == shown[:4]


async def test_a_turned_clip_is_drawn_upright(turned_clip: Path, tmp_path: Path) -> None:
    video = probe(turned_clip)
    prepared = await prepare_frames(video, choose_frames(video, 1), Size(36, 64), tmp_path)
    assert _sides(prepared.frames[0]) == (36, 64)
    assert prepared.hint is None


@pytest.mark.parametrize("turned", [False, True])
async def test_a_clip_of_pixels_that_are_not_square_is_drawn_as_it_plays(
    tmp_path: Path, run_ffmpeg: RunFfmpeg, turned: bool
) -> None:
    clip, shown = tmp_path / "squeezed.mp4", tmp_path / "shown.mp4"
    # A circle is squeezed to half its width.
    disc = "nullsrc=s=64x64:d=0.2,geq=lum='if(lte(hypot(X-32,Y-32),24),235,16)':cb=128:cr=128"
    run_ffmpeg("-f", "lavfi", "-i", f"{disc},scale=32:64,setsar=2", "-crf", "1", clip)
    run_ffmpeg("-display_rotation", "90" if turned else "0", "-i", clip, "-c", "copy", shown)
    video = probe(shown)
    prepared = await prepare_frames(video, choose_frames(video, 1), video.size, tmp_path / "hints")
    with Image.open(prepared.frames[0].path) as picture:
        assert picture.size == (64, 64)
        box = picture.convert("L").point(lambda value: 255 * (value > 128)).getbbox()
    assert box is not None
    assert box == pytest.approx((8, 8, 57, 57), abs=1)
    (thumbnail,) = read_thumbnails(video, choose_frames(video, 1), Size(16, 16))
    assert thumbnail.row(8)[0] < 64 < thumbnail.row(8)[3 * 8]


async def test_a_picture_gives_one_frame_and_no_hint(picture: Path, tmp_path: Path) -> None:
    video = probe(picture)
    for size in (video.size, HALF):
        prepared = await prepare_frames(video, choose_frames(video, 2), size, tmp_path)
        assert [_sides(frame) for frame in prepared.frames] == [_sides(size)]
        assert prepared.hint is None


async def test_an_odd_size_is_drawn_as_it_is(tmp_path: Path, run_ffmpeg: RunFfmpeg) -> None:
    file = tmp_path / "odd.png"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=65x37", "-frames:v", "1", file)
    video = probe(file)
    prepared = await prepare_frames(video, choose_frames(video, 1), video.size, tmp_path / "hints")
    assert _sides(prepared.frames[0]) == (65, 37)


@pytest.mark.parametrize("name", ["-n.mp4", "a%03d.mp4", 'it\'s "x".mp4', "file:a.mp4", "é\n.mp4"])
async def test_any_name_can_be_drawn_from(
    counted_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(counted_clip, tmp_path / name)
    video = probe(name)
    prepared = await prepare_frames(video, choose_frames(video, 1), HALF, Path("a %d: hints"))
    assert number_in(prepared.frames[0].path) == 24


# --- hint videos ----------------------------------------------------------------------------------


async def test_a_hint_video_has_the_picture_of_each_half_second(
    counted_clip: Path, tmp_path: Path
) -> None:
    hint = await create_hint_video(counted_clip, tmp_path / "new" / "hint.mp4")
    made = probe(hint)
    assert (made.fps, made.frames, made.codec, made.size) == (2.0, 4, "h264", Size(64, 36))
    assert numbers_in(hint) == [0, 12, 24, 36]
    assert [f.index for f in choose_frames(probe(counted_clip), 9, FrameSampling.FPS)] == [
        0,
        12,
        24,
        36,
    ]


async def test_frames_and_hint_come_from_one_run(
    counted_clip: Path, tmp_path: Path, ffmpeg_runs: Callable[[], int]
) -> None:
    video = probe(counted_clip)
    prepared = await prepare_frames(video, choose_frames(video, 2), HALF, tmp_path / "hints")
    assert prepared.hint is not None
    assert probe(prepared.hint).size == HALF
    assert numbers_in(prepared.hint) == [0, 12, 24, 36]
    assert ffmpeg_runs() == 1


async def test_a_hint_video_has_even_sides(tmp_path: Path, run_ffmpeg: RunFfmpeg) -> None:
    clip = tmp_path / "odd.mkv"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=65x37:d=1,format=rgb24", "-c:v", "ffv1", clip)
    hint = await create_hint_video(clip, tmp_path / "hint.mp4")
    assert probe(hint).size == Size(64, 36)


async def test_no_hint_is_made_of_a_picture_or_over_its_own_input(
    picture: Path, counted_clip: Path, tmp_path: Path
) -> None:
    with pytest.raises(MediaError, match="still picture"):
        await create_hint_video(picture, tmp_path / "hint.mp4")
    with pytest.raises(InputError, match="the input itself"):
        await create_hint_video(counted_clip, counted_clip)


def _sides(of: Size | Frame) -> tuple[int, int]:
    return of.width, of.height
