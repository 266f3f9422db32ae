"""That nothing is drawn twice, and that trouble is told and leaves nothing behind."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import pytest

from backend.errors import InputError, MediaError
from backend.files.without_links import LinkInTheWay
from backend.sizes import Size
from backend.video import (
    ChosenFrame,
    choose_frames,
    create_hint_video,
    find_ffmpeg,
    prepare_frames,
    probe,
    read_frame,
)
from backend.video.ffmpeg import Drawing, draw

RunFfmpeg = Callable[..., None]

HALF = Size(32, 18)


# --- drawn once -----------------------------------------------------------------------------------


async def test_a_second_run_starts_no_ffmpeg(
    counted_clip: Path, tmp_path: Path, ffmpeg_runs: Callable[[], int]
) -> None:
    hints = tmp_path / "hints"
    video = probe(counted_clip)
    chosen = choose_frames(video, 2)
    first = await prepare_frames(video, chosen, HALF, hints)
    # The same content under another name is the same content.
    copy = probe(shutil.copy(counted_clip, tmp_path / "copy.mp4"))
    assert await prepare_frames(copy, chosen, HALF, hints) == first
    await create_hint_video(copy.path, tmp_path / "out.mp4", size=HALF, hint_video_dir=hints)
    assert first.hint is not None
    assert (tmp_path / "out.mp4").read_bytes() == first.hint.read_bytes()
    assert ffmpeg_runs() == 1


async def test_a_created_hint_is_kept_for_the_next_time(
    counted_clip: Path, tmp_path: Path, ffmpeg_runs: Callable[[], int]
) -> None:
    for name in ("a.mp4", "b.mp4"):
        await create_hint_video(counted_clip, tmp_path / name, hint_video_dir=tmp_path / "hints")
    assert ffmpeg_runs() == 1
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


async def test_other_content_size_or_choice_is_drawn_anew(
    counted_clip: Path, uneven_clip: Path, tmp_path: Path, ffmpeg_runs: Callable[[], int]
) -> None:
    hints = tmp_path / "hints"
    video, other = probe(counted_clip), probe(uneven_clip)
    chosen = choose_frames(video, 2)
    seen = [
        await prepare_frames(video, chosen, HALF, hints),
        await prepare_frames(video, chosen, Size(16, 10), hints),
        await prepare_frames(video, chosen[:1], HALF, hints),
        await prepare_frames(other, choose_frames(other, 2), HALF, hints),
    ]
    assert ffmpeg_runs() == 4
    assert len({prepared.frames for prepared in seen}) == 4


async def test_a_damaged_frame_is_drawn_again(
    counted_clip: Path, tmp_path: Path, ffmpeg_runs: Callable[[], int]
) -> None:
    video = probe(counted_clip)
    chosen = choose_frames(video, 2)
    first = await prepare_frames(video, chosen, HALF, tmp_path / "hints")
    first.frames[1].path.write_bytes(first.frames[1].path.read_bytes()[:50])
    assert await prepare_frames(video, chosen, HALF, tmp_path / "hints") == first
    assert ffmpeg_runs() == 2


async def test_two_at_once_agree(counted_clip: Path, tmp_path: Path) -> None:
    video = probe(counted_clip)
    chosen = choose_frames(video, 2)
    both = await asyncio.gather(
        *(prepare_frames(video, chosen, HALF, tmp_path / "hints") for _ in range(3))
    )
    assert both[0] == both[1] == both[2]
    assert len(list((tmp_path / "hints").iterdir())) == 2


# --- trouble --------------------------------------------------------------------------------------


async def test_a_damaged_video_names_the_frame_that_is_missing(
    tmp_path: Path, run_ffmpeg: RunFfmpeg, counted_clip: Path
) -> None:
    whole = tmp_path / "whole.mp4"
    run_ffmpeg("-i", counted_clip, "-c", "copy", "-movflags", "+faststart", whole)
    damaged = tmp_path / "damaged.mp4"
    content = whole.read_bytes()
    middle = (content.index(b"mdat") + len(content)) // 2
    damaged.write_bytes(content[:middle].ljust(len(content), b"\0"))
    video = probe(damaged)
    late = ChosenFrame(47, 47 / 24)
    with pytest.raises(MediaError, match=r"damaged\.mp4"):
        await prepare_frames(video, [late], HALF, tmp_path / "hints")
    assert list((tmp_path / "hints").iterdir()) == []


async def test_a_video_that_is_gone_is_told(counted_clip: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    shutil.copy(counted_clip, clip)
    video = probe(clip)
    chosen = choose_frames(video, 1)
    clip.unlink()
    with pytest.raises(MediaError, match=r"clip\.mp4"):
        await prepare_frames(video, chosen, HALF, tmp_path / "hints")


async def test_a_folder_that_cannot_be_made_is_told(counted_clip: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    video = probe(counted_clip)
    with pytest.raises(InputError, match="written") as caught:
        await prepare_frames(video, choose_frames(video, 1), HALF, tmp_path / "file" / "hints")
    assert "hint_video_dir" in caught.value.remedy


async def test_nothing_is_drawn_through_a_link(counted_clip: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (tmp_path / "inputs").symlink_to(theirs)
    video = probe(counted_clip)
    with pytest.raises(InputError, match="link"):
        await prepare_frames(video, choose_frames(video, 1), HALF, tmp_path / "inputs" / "hints")
    assert list(theirs.iterdir()) == []


@pytest.mark.parametrize("what", ["picture", "pipe", "endless", "folder"])
async def test_what_others_put_in_the_place_of_a_frame_is_not_read(
    counted_clip: Path, tmp_path: Path, what: str
) -> None:
    """A folder may bring them along, since the names follow from the video that lies in it."""
    hints, elsewhere = tmp_path / "hints", tmp_path / "elsewhere"
    video = probe(counted_clip)
    chosen = choose_frames(video, 1)
    first = await prepare_frames(video, chosen, HALF, hints)
    frame = first.frames[0].path
    frame.parent.rename(elsewhere)
    private = elsewhere / frame.name
    private.write_bytes(private.read_bytes().replace(b"IDAT", b"iDAT"))
    if what == "folder":
        frame.parent.symlink_to(elsewhere)
    else:
        frame.parent.mkdir()
        if what == "pipe":
            os.mkfifo(frame)
        else:
            frame.symlink_to(private if what == "picture" else "/dev/zero")
    async with asyncio.timeout(20):
        assert (await prepare_frames(video, chosen, HALF, hints)).frames == first.frames
    assert private.exists()


async def test_a_hint_video_is_not_copied_through_a_link(
    counted_clip: Path, tmp_path: Path
) -> None:
    hints, private = tmp_path / "hints", tmp_path / "private"
    private.write_text("private")
    video = probe(counted_clip)
    first = await prepare_frames(video, choose_frames(video, 1), HALF, hints)
    assert first.hint is not None
    first.hint.unlink()
    first.hint.symlink_to(private)
    made = await create_hint_video(
        counted_clip, tmp_path / "out.mp4", size=HALF, hint_video_dir=hints
    )
    assert made.read_bytes() != b"private"
    assert private.read_text() == "private"
    assert not first.hint.is_symlink()


def test_a_frame_that_was_swapped_since_it_was_drawn_is_not_sent(tmp_path: Path) -> None:
    frame, private = tmp_path / "frame-0.png", tmp_path / "private"
    private.write_bytes(b"private")
    drawn = hashlib.sha256(b"drawn").hexdigest()
    frame.write_bytes(b"drawn")
    assert read_frame(frame, drawn) == b"drawn"
    frame.write_bytes(b"other")
    with pytest.raises(FileNotFoundError, match="changed"):
        read_frame(frame, drawn)
    frame.unlink()
    frame.symlink_to(private)
    with pytest.raises(LinkInTheWay):
        read_frame(frame, hashlib.sha256(b"private").hexdigest())


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="a folder is bound on Linux alone")
async def test_a_folder_that_becomes_a_link_while_a_video_is_drawn_is_not_left(
    counted_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints, moved, theirs = (tmp_path / name for name in ("hints", "moved", "theirs"))
    theirs.mkdir()

    async def draw_after_a_swap(drawing: Drawing, folder: Path, **options: object) -> None:
        hints.rename(moved)
        hints.symlink_to(theirs)
        await draw(drawing, folder, ffmpeg=find_ffmpeg(), time_limit=60)

    monkeypatch.setattr("backend.video.draw.draw", draw_after_a_swap)
    video = probe(counted_clip)
    with pytest.raises(LinkInTheWay):
        await prepare_frames(video, choose_frames(video, 1), HALF, hints)
    assert list(theirs.iterdir()) == []
    assert any(folder.is_dir() for folder in moved.iterdir())


async def test_ffmpegs_last_words_are_passed_on(counted_clip: Path, tmp_path: Path) -> None:
    video = probe(counted_clip)
    failing = _program(tmp_path / "ffmpeg", "yes noise | head -c 1000000 >&2; echo why >&2; exit 3")
    with pytest.raises(MediaError, match="why") as caught:
        await prepare_frames(
            video, choose_frames(video, 1), HALF, tmp_path / "hints", ffmpeg=failing
        )
    assert len(caught.value.problem) < 1000


async def test_an_ffmpeg_that_hangs_is_stopped(counted_clip: Path, tmp_path: Path) -> None:
    video = probe(counted_clip)
    hanging = _program(tmp_path / "ffmpeg", f"echo $$ > {tmp_path}/pid; exec sleep 60")
    with pytest.raises(MediaError, match="longer than"):
        await prepare_frames(
            video,
            choose_frames(video, 1),
            HALF,
            tmp_path / "hints",
            ffmpeg=hanging,
            time_limit=4.0,  # its process is to come far enough to say who it is
        )
    _assert_gone(tmp_path / "pid")
    assert list((tmp_path / "hints").iterdir()) == []


async def test_cancelling_leaves_nothing_behind(counted_clip: Path, tmp_path: Path) -> None:
    video = probe(counted_clip)
    hanging = _program(tmp_path / "ffmpeg", f"echo $$ > {tmp_path}/pid; exec sleep 60")
    drawing = asyncio.create_task(
        prepare_frames(video, choose_frames(video, 1), HALF, tmp_path / "hints", ffmpeg=hanging)
    )
    async with asyncio.timeout(10):
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing
    _assert_gone(tmp_path / "pid")
    assert list((tmp_path / "hints").iterdir()) == []


def test_the_ffmpeg_on_path_is_preferred(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ffmpeg_runs: Callable[[], int]
) -> None:
    assert find_ffmpeg() == tmp_path / "bin" / "ffmpeg"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_ffmpeg() == Path(imageio_ffmpeg.get_ffmpeg_exe())


def _program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def _assert_gone(pid_file: Path) -> None:
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
