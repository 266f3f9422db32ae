"""Frames are packed on their way: a WebP has the very pixels of its PNG."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from backend.errors import MediaError
from backend.video import Frame, FrameFormat
from backend.video.packing import pack_frames, packed_bytes


@pytest.fixture
def frame(tmp_path: Path) -> Frame:
    """A drawn frame with gradients and noise."""
    noise = random.Random(8)
    pixels = bytes(
        min(255, x + 2 * y + noise.randrange(24)) for y in range(48) for x in range(64 * 3)
    )
    path = tmp_path / "frame-0.png"
    Image.frombytes("RGB", (64, 48), pixels).save(path)
    data = path.read_bytes()
    return Frame(path, hashlib.sha256(data).hexdigest(), 64, 48, 0.5, len(data))


def rgb(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def difference(one: Path, other: Path) -> float:
    """The mean difference of two pictures' samples, of 255."""
    return max(ImageStat.Stat(ImageChops.difference(rgb(one), rgb(other))).mean)


def test_a_webp_has_every_pixel_of_its_png_in_fewer_bytes(frame: Frame) -> None:
    (packed,) = pack_frames([frame], FrameFormat.WEBP, 90)
    assert rgb(packed.path).tobytes() == rgb(frame.path).tobytes()
    data = packed.path.read_bytes()
    assert (packed.file_size, packed.webp) == (len(data), hashlib.sha256(data).hexdigest())
    assert packed.file_size < frame.file_size
    assert packed.sha256 == frame.sha256
    assert packed_bytes(frame.path.parent, 1, FrameFormat.WEBP, 90) == packed.file_size


def test_a_jpeg_is_another_picture_and_the_better_the_higher_its_quality(frame: Frame) -> None:
    packed = [pack_frames([frame], FrameFormat.JPEG, quality)[0] for quality in (40, 95)]
    rough, fine = (difference(each.path, frame.path) for each in packed)
    assert 0 < fine < rough < 16
    assert len({frame.sha256, *(each.sha256 for each in packed)}) == 3
    assert {each.webp for each in packed} == {""}
    assert packed_bytes(frame.path.parent, 1, FrameFormat.JPEG, 95) == packed[1].file_size
    assert packed_bytes(frame.path.parent, 1, FrameFormat.JPEG, 80) is None


def test_png_is_what_was_drawn(frame: Frame) -> None:
    assert pack_frames([frame], FrameFormat.PNG, 90) == (frame,)
    assert packed_bytes(frame.path.parent, 1, FrameFormat.PNG, 90) == frame.file_size
    assert packed_bytes(frame.path.parent, 2, FrameFormat.PNG, 90) is None


@pytest.mark.parametrize("form", [FrameFormat.WEBP, FrameFormat.JPEG])
def test_what_was_packed_is_kept_and_packed_anew_when_it_is_damaged(
    frame: Frame, form: FrameFormat
) -> None:
    (first,) = pack_frames([frame], form, 90)
    made = first.path.stat().st_mtime_ns
    assert pack_frames([frame], form, 90) == (first,)
    assert first.path.stat().st_mtime_ns == made
    whole = first.path.read_bytes()
    other = first.path.with_name("other.png")
    Image.new("RGB", (8, 8)).save(other)
    for damaged in (b"", whole[:-9], b"no picture", other.read_bytes()):
        first.path.write_bytes(damaged)
        assert pack_frames([frame], form, 90) == (first,)
        assert first.path.read_bytes() == whole
    first.path.unlink()
    first.path.symlink_to(other)
    assert pack_frames([frame], form, 90) == (first,)
    assert not first.path.is_symlink()


def test_where_nothing_can_be_packed_the_png_is_sent_in_place_of_a_webp_and_never_of_a_jpeg(
    frame: Frame,
) -> None:
    Image.new("RGBA", (64, 48)).save(frame.path)  # another one than was drawn
    assert pack_frames([frame], FrameFormat.WEBP, 90) == (frame,)
    with pytest.raises(MediaError) as caught:
        pack_frames([frame], FrameFormat.JPEG, 90)
    assert "frame_format" in caught.value.remedy
