"""What a file is, and how files that are no media are refused."""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from backend.errors import InputError, MediaError
from backend.sizes import Size
from backend.video import MediaKind, Video, probe

RunFfmpeg = Callable[..., None]


def test_a_clip_is_read_whole(counted_clip: Path) -> None:
    assert probe(counted_clip) == Video(
        path=counted_clip,
        kind=MediaKind.VIDEO,
        size=Size(64, 36),
        fps=24.0,
        duration=2.0,
        frames=48,
        codec="h264",
        stream=0,
    )


def test_a_turned_clip_has_the_size_it_is_shown_at(turned_clip: Path) -> None:
    assert probe(turned_clip).size == Size(36, 64)


@pytest.mark.parametrize(
    ("ratio", "width"), [("2", 128), ("8/9", 57), ("1/1", 64), ("100/101", 63), ("1/50", 64)]
)
def test_pixels_that_are_not_square_give_the_size_at_which_the_video_plays(
    tmp_path: Path, run_ffmpeg: RunFfmpeg, ratio: str, width: int
) -> None:
    clip = tmp_path / "wide.mp4"
    run_ffmpeg("-f", "lavfi", "-i", f"testsrc=s=64x36:d=0.2,setsar={ratio}", clip)
    video = probe(clip)
    assert (video.size, video.is_stretched) == (Size(width, 36), width != 64)
    turned = tmp_path / "turned.mp4"
    run_ffmpeg("-display_rotation", "90", "-i", clip, "-c", "copy", turned)
    assert probe(turned).size == Size(36, width)


def test_the_resolution_that_a_picture_notes_stretches_nothing(
    tmp_path: Path, run_ffmpeg: RunFfmpeg
) -> None:
    file = tmp_path / "scan.png"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x36,setsar=2", "-frames:v", "1", file)
    assert probe(file).size == Size(64, 36)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tiff"])
def test_a_picture_is_one_frame(tmp_path: Path, run_ffmpeg: RunFfmpeg, suffix: str) -> None:
    file = tmp_path / f"picture.{suffix}"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=65x37", "-frames:v", "1", "-update", "1", file)
    image = probe(file)
    assert (image.kind, image.frames, image.duration, image.fps) == (MediaKind.IMAGE, 1, 0.0, 0.0)
    assert image.size == Size(65, 37)


@pytest.mark.parametrize("suffix", ["mkv", "avi", "gif", "h264"])
def test_frames_are_counted_or_estimated_without_a_header(
    clips: Path, tmp_path: Path, run_ffmpeg: RunFfmpeg, suffix: str
) -> None:
    clip = tmp_path / f"clip.{suffix}"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x36:r=25:d=0.4", clip)
    video = probe(clip)
    assert video.frames == 10
    assert video.duration == pytest.approx(0.4)


def test_the_picture_is_found_behind_the_sound(
    tmp_path: Path, run_ffmpeg: RunFfmpeg, counted_clip: Path
) -> None:
    clip = tmp_path / "film.mp4"
    run_ffmpeg("-i", counted_clip, "-f", "lavfi", "-i", "sine=d=1", "-map", "1", "-map", "0", clip)
    assert probe(clip).stream == 1


@pytest.mark.parametrize(
    "name", ["-n.mp4", "a%03d.mp4", 'it\'s "x".mp4', "file:a.mp4", "https:a.mp4", "é日\n.mp4"]
)
def test_any_name_is_only_a_name(tmp_path: Path, counted_clip: Path, name: str) -> None:
    odd = tmp_path / name
    shutil.copy(counted_clip, odd)
    assert probe(odd).frames == 48


def test_a_picture_named_like_a_sequence_is_that_picture(tmp_path: Path, picture: Path) -> None:
    shutil.copy(picture, tmp_path / "a%03d.png")
    (tmp_path / "a000.png").write_bytes(b"not this one")
    assert probe(tmp_path / "a%03d.png").size == Size(64, 36)


def test_a_path_from_the_working_directory_is_found(
    monkeypatch: pytest.MonkeyPatch, counted_clip: Path
) -> None:
    monkeypatch.chdir(counted_clip.parent)
    assert probe(counted_clip.name).path == Path(counted_clip.name)


def _refusal(path: Path) -> MediaError:
    with pytest.raises(MediaError) as caught:
        probe(path)
    assert str(path) in caught.value.problem
    assert caught.value.remedy
    assert isinstance(caught.value, InputError)
    return caught.value


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert "does not exist" in _refusal(tmp_path / "none.mp4").problem


def test_a_folder_is_told(tmp_path: Path) -> None:
    assert "folder" in _refusal(tmp_path).problem


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "regular file" in _refusal(tmp_path / "pipe.mp4").problem


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert "0 bytes" in _refusal(tmp_path / "empty.mp4").problem


@pytest.mark.parametrize("name", ["notes.txt", "clip.mp4", "list.m3u8"])
def test_text_is_no_video(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("#EXTM3U\n#EXTINF:1,\nother.mp4\n" * 50)
    assert "not a video or image" in _refusal(tmp_path / name).problem


def test_sound_alone_is_told(sound: Path) -> None:
    assert "only sound" in _refusal(sound).problem


def test_cover_art_makes_no_video_of_a_song(
    tmp_path: Path, run_ffmpeg: RunFfmpeg, sound: Path, picture: Path
) -> None:
    song = tmp_path / "song.m4a"
    cover = ("-c", "copy", "-disposition:v", "attached_pic")
    run_ffmpeg("-i", sound, "-i", picture, "-map", "0", "-map", "1", *cover, song)
    assert "only sound" in _refusal(song).problem


def test_a_file_cut_before_its_index_is_told(tmp_path: Path, counted_clip: Path) -> None:
    cut = tmp_path / "cut.mp4"
    content = counted_clip.read_bytes()
    cut.write_bytes(content[: content.index(b"moov") - 100])
    refusal = _refusal(cut)
    assert "is cut off: the index at its end (moov) is missing" in refusal.problem
    assert "record it again" in refusal.remedy


def test_a_file_that_ends_within_its_index_is_told(tmp_path: Path, counted_clip: Path) -> None:
    cut = tmp_path / "cut.mp4"
    content = counted_clip.read_bytes()
    cut.write_bytes(content[: content.index(b"moov") + 150])
    assert "is cut off: its end is missing" in _refusal(cut).problem


@pytest.mark.parametrize("suffix", ["mp4", "jpg", "png", "webp"])
def test_a_half_file_is_told_though_some_of_it_can_be_shown(
    tmp_path: Path, run_ffmpeg: RunFfmpeg, suffix: str
) -> None:
    whole, half = tmp_path / f"whole.{suffix}", tmp_path / f"half.{suffix}"
    index_first = ("-movflags", "+faststart") if suffix == "mp4" else ("-frames:v", "1")
    run_ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:d=0.5", *index_first, whole)
    assert probe(whole).size == Size(320, 180)
    content = whole.read_bytes()
    half.write_bytes(content[: len(content) * 2 // 3])
    assert "is cut off: its end is missing" in _refusal(half).problem


def test_an_animated_webp_is_told(tmp_path: Path) -> None:
    file = tmp_path / "cat.webp"
    pictures = [Image.new("RGB", (64, 36), (shade, 0, 0)) for shade in (0, 99, 200)]
    pictures[0].save(file, save_all=True, append_images=pictures[1:])
    refusal = _refusal(file)
    assert "is an animated WebP" in refusal.problem
    assert "GIF" in refusal.remedy


def test_a_recording_in_fragments_is_read_as_far_as_it_goes(
    tmp_path: Path, run_ffmpeg: RunFfmpeg, counted_clip: Path
) -> None:
    whole, half = tmp_path / "whole.mp4", tmp_path / "half.mp4"
    fragments = ("-movflags", "+frag_keyframe+empty_moov", "-c", "copy")
    run_ffmpeg("-i", counted_clip, *fragments, whole)
    content = whole.read_bytes()
    half.write_bytes(content[: content.rindex(b"mdat") + 100])
    assert probe(half).size == Size(64, 36)


@pytest.mark.parametrize(
    ("content", "problem", "remedy"),
    [
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "web page (HTML)", "Download"),
        (b'\xef\xbb\xbf\n<html lang="de">\xc3', "web page (HTML)", "Download"),
        (b'{"error": "not found"}', "JSON text", "Download"),
        (b'<?xml version="1.0"?><Error/>', "XML text", "Download"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS", "git lfs pull"),
        (b"Buy milk.\n", "it is text", "again"),
        (bytes(9000), "begins with zeros", "again"),
        (b"\x00\x00\x00\x08free" * 2000, "is cut off", "again"),
        (b"\xff\xd8\xff\xe0\x00", "is cut off", "again"),
        (bytes(range(256)) * 30, "not a video or image", "ffmpeg"),
    ],
)
def test_what_a_file_is_instead_of_a_video_is_told(
    tmp_path: Path, content: bytes, problem: str, remedy: str
) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(content)
    refusal = _refusal(file)
    assert problem in refusal.problem
    assert remedy in refusal.remedy


def test_a_header_without_frames_is_told(tmp_path: Path, counted_clip: Path) -> None:
    hollow = tmp_path / "hollow.mp4"
    content = bytearray(counted_clip.read_bytes())
    start = content.index(b"mdat") + 4
    end = content.index(b"moov") - 4
    content[start:end] = bytes(end - start)
    hollow.write_bytes(content)
    assert "no frame that can be decoded" in _refusal(hollow).problem


@pytest.mark.parametrize("sides", [(16_385, 1), (1, 60_000), (16_000, 16_000), (2**30, 2**30)])
def test_an_absurd_size_is_refused_before_it_is_decoded(
    tmp_path: Path, sides: tuple[int, int]
) -> None:
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(_blank_png(*sides))
    assert "picture" in _refusal(bomb).problem


def _blank_png(width: int, height: int) -> bytes:
    """A black-and-white PNG with the pixels of its first row only."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    row = zlib.compress(bytes(1 + min(width, 100_000) // 8 + 1))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", row) + chunk(b"IEND", b"")
