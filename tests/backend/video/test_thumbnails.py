"""Small pictures of real clips."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.errors import MediaError
from backend.sizes import Size
from backend.video import FrameSampling, Video, choose_frames, prepare_frames, probe
from backend.video.thumbnails import ThumbnailsCancelled, fit_within, read_thumbnails
from tests.support.specs import draw_three_clips

SMALL = Size(32, 24)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return draw_three_clips(tmp_path_factory.mktemp("clips"), "320x240")


def difference(one: bytes, other: bytes) -> float:
    """Of two pictures, on average over all channels."""
    assert len(one) == len(other)
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


def small_png(path: Path) -> bytes:
    """The pixels of a picture, made small."""
    png = probe(path)
    (thumbnail,) = read_thumbnails(png, choose_frames(png, 1), SMALL)
    return thumbnail.pixels


@pytest.mark.parametrize("sampling", list(FrameSampling))
@pytest.mark.parametrize("number", [1, 2])
async def test_they_show_the_frames_that_would_be_sent(
    number: int, sampling: FrameSampling, clips: list[Path], tmp_path: Path
) -> None:
    video = probe(clips[number])
    every = choose_frames(video, video.frames, FrameSampling.FIRST)
    sent = await prepare_frames(video, every, video.size, tmp_path)
    real = [small_png(frame.path) for frame in sent.frames]
    chosen = choose_frames(video, 3, sampling)
    for frame, thumbnail in zip(chosen, read_thumbnails(video, chosen, SMALL), strict=True):
        assert thumbnail.size == SMALL
        unlike = [difference(it, thumbnail.pixels) for it in real]
        assert unlike.index(min(unlike)) == frame.index


def test_different_frames_look_different(clips: list[Path]) -> None:
    video = probe(clips[1])
    first, last = read_thumbnails(video, choose_frames(video, 2), SMALL)
    assert difference(first.pixels, last.pixels) > 3


def test_the_decoders_threads_end_with_the_reading(clips: list[Path]) -> None:
    """Not when the garbage collector comes by: a thousand videos would fill the memory until then."""
    video = probe(clips[1])
    gc.collect()
    gc.disable()
    try:
        before = threads()
        for _ in range(3):
            list(read_thumbnails(video, choose_frames(video, 2), SMALL))
        assert threads() == before
    finally:
        gc.enable()


def threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def test_a_file_that_is_gone_is_told(clips: list[Path], tmp_path: Path) -> None:
    video = probe(clips[0])
    chosen = choose_frames(video, 2)
    gone = Video(tmp_path / "gone.mp4", video.kind, video.size, 12, 1, 12, "h264")
    with pytest.raises(MediaError, match="does not exist"):
        list(read_thumbnails(gone, chosen, SMALL))


def test_a_look_ends_when_nobody_wants_it(clips: list[Path]) -> None:
    video = probe(clips[0])
    answers: Iterator[bool] = iter([False] * 3 + [True] * 100)
    with pytest.raises(ThumbnailsCancelled):
        list(read_thumbnails(video, choose_frames(video, 2), SMALL, lambda: next(answers)))


def test_a_look_that_takes_too_long_is_told(clips: list[Path]) -> None:
    video = probe(clips[0])
    with pytest.raises(MediaError, match="too long"):
        list(read_thumbnails(video, choose_frames(video, 2), SMALL, time_limit=-1))


@pytest.mark.parametrize(
    ("source", "box", "size"),
    [
        (Size(1280, 704), Size(40, 40), Size(40, 22)),
        (Size(704, 1280), Size(40, 20), Size(11, 20)),
        (Size(2000, 2), Size(40, 20), Size(40, 1)),
    ],
)
def test_a_picture_keeps_its_aspect(source: Size, box: Size, size: Size) -> None:
    assert fit_within(source, box) == size
