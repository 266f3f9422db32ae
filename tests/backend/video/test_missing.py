"""A path at which there is nothing is named for what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.errors import MediaError
from backend.video import probe


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("https://example.com/a.mp4", "https://example.com/a.mp4 is an address"),
        ("s3://bucket/deep/a.mp4", "s3://bucket/deep/a.mp4 is an address"),
        ("~/clip.mp4", "begins with ~, which is not expanded"),
        ("$DATA/clip.mp4", "holds a variable"),
        ("${DATA}/clip.mp4", "holds a variable"),
        ("frame_%04d.png", "a numbered sequence of pictures"),
        ("frame_$F4.exr", "a numbered sequence of pictures"),
        ("frame_####.exr", "a numbered sequence of pictures"),
        ("cafe\u0301.mp4", "café.mp4 does.\n  The two differ only in Unicode form"),
        ("CLIP.mp4", "clip.mp4 does.\n  The two differ in upper and lower case"),
        ("Deep/Clip.MP4", "deep/clip.mp4 does.\n  The two differ in upper and lower case"),
        ("clip.mp4 ", "clip.mp4 does.\n  The two differ in a space"),
        ("gone.mp4", "does not exist.\n  Check the path"),
        ("twin.mp4", "does not exist.\n  Check the path"),
        ("deep", "is a folder.\n  Give the video"),
        ("nowhere/frame_%04d.png", "a numbered sequence of pictures, and there is none"),
        (
            "frames",
            "is a folder of pictures of several names.\n  The names of a sequence's pictures",
        ),
    ],
)
def test_a_path_without_a_file_is_told_for_what_it_is(
    tmp_path: Path, written: str, said: str
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "frames").mkdir()
    for name in (
        "café.mp4",
        "clip.mp4",
        "deep/clip.mp4",
        "Twin.mp4",
        "TWIN.mp4",
        "frames/a1.png",
        "frames/b1.png",
    ):
        (tmp_path / name).write_bytes(b"x")
    path = Path(written) if "://" in written else tmp_path / written
    with pytest.raises(MediaError) as error:
        probe(path)
    assert said in str(error.value)


@pytest.mark.parametrize("lies", ["videos/a.mp4", "a.mp4", "specs/clips/a.mp4", "specs/a.mp4"])
@pytest.mark.parametrize("written", ["specs/a.mp4", "specs/gone/a.mp4"])
def test_a_video_that_lies_one_folder_away_is_named(
    tmp_path: Path, written: str, lies: str
) -> None:
    if written == lies:
        return
    (tmp_path / "specs").mkdir()
    file = tmp_path / lies
    file.parent.mkdir(exist_ok=True)
    file.touch()
    with pytest.raises(MediaError, match="does not exist") as error:
        probe(tmp_path / written)
    assert error.value.remedy.startswith(f"Is it {file}? Write that path into the spec")
