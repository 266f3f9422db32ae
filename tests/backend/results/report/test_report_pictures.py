"""The small pictures of a report are those of the frames that were sent, and are bounded."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from backend.results.report import pictures
from backend.results.report.pictures import MOST_BYTES, MOST_PICTURES, PictureMaker
from remote.protocol import Json
from tests.support.plain_clips import draw_plain_clip, draw_plain_picture
from tests.support.reported_results import reported_prompt, reported_result

BANDS = ((222, 60, 75), (244, 180, 60), (80, 170, 110), (60, 110, 200))


def frames(*times: float) -> list[Json]:
    return [{"time": time} for time in times]


def opened(picture: pictures.PagePicture) -> Image.Image:
    kind, _, data = picture.uri.partition(";base64,")
    assert kind in ("data:image/webp", "data:image/jpeg")
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


def first_band(picture: pictures.PagePicture) -> int:
    """The number of the colour at the left edge."""
    image = opened(picture)
    pixel = image.getpixel((image.width // 8, image.height // 2))
    assert isinstance(pixel, tuple)
    distances = [sum(abs(a - b) for a, b in zip(pixel, band, strict=True)) for band in BANDS]
    return distances.index(min(distances))


def test_frames_are_those_of_the_times_that_were_sent(tmp_path: Path) -> None:
    clip = draw_plain_clip(
        tmp_path / "clip.mov", 160, 96
    )  # four frames a second, one band further each
    sent = reported_result("A dusk.", frames=frames(0.0, 0.25, 1.5))
    made = PictureMaker().make(reported_prompt("dusk", "dusk", sent, media=[clip]))
    assert [first_band(each) for each in made.pictures] == [0, 1, 2]
    assert [each.label for each in made.pictures] == ["0.00 s", "0.25 s", "1.50 s"]
    assert made.note == ""


def test_frames_of_several_media_are_told_apart_by_their_times(tmp_path: Path) -> None:
    clip = draw_plain_clip(tmp_path / "clip.mov", 160, 96)
    edge = draw_plain_picture(tmp_path / "edge.png", 160, 96)
    sent = reported_result("A dusk.", media="rgb+edge", frames=frames(0.25, 0.5, 0.0))
    made = PictureMaker().make(reported_prompt("dusk", "dusk", sent, media=[clip, edge]))
    assert [each.label for each in made.pictures] == ["rgb 0.25 s", "rgb 0.50 s", "edge picture"]


def test_number_and_bytes_of_the_pictures_are_bounded(tmp_path: Path) -> None:
    noise = Image.effect_noise((480, 270), 100.0)
    noise.save(tmp_path / "noise.png")
    sent = reported_result("A dusk.", frames=frames(0.0))
    made = PictureMaker().make(
        reported_prompt("dusk", "dusk", sent, media=[tmp_path / "noise.png"])
    )
    (picture,) = made.pictures
    assert len(picture.uri) <= MOST_BYTES * 4 / 3 + 100
    clip = draw_plain_clip(tmp_path / "clip.mov", 96, 64, 40)
    many = reported_result("A dusk.", frames=frames(*(n / 4 for n in range(40))))
    made = PictureMaker().make(reported_prompt("dusk", "dusk", many, media=[clip]))
    assert len(made.pictures) == MOST_PICTURES
    assert made.pictures[-1].label == "9.75 s"
    assert made.note == "8 of the 40 frames"
    assert sum(len(each.uri) for each in made.pictures) <= MOST_BYTES * 4 / 3 + 800


def test_pictures_are_jpeg_where_there_is_no_webp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = draw_plain_clip(tmp_path / "clip.mov", 160, 96)
    monkeypatch.setattr(pictures, "_codec", lambda: pictures._JPEG)
    made = PictureMaker().make(reported_prompt("dusk", "dusk", media=[clip]))
    assert [each.uri[:15] for each in made.pictures] == ["data:image/jpeg"] * 2
    assert [first_band(each) for each in made.pictures] == [1, 3]


def test_a_sequence_of_pictures_without_a_rate_is_shown(tmp_path: Path) -> None:
    for n in range(4):
        draw_plain_picture(tmp_path / "shots" / f"frame_{n:04}.png", 64, 48)
    sent = reported_result("A dusk.", frames=frames(0.0, 0.0))
    prompt = reported_prompt("dusk", "dusk", sent, media=[tmp_path / "shots" / "frame_%04d.png"])
    made = PictureMaker().make(prompt)
    assert [each.label for each in made.pictures] == ["picture 2", "picture 4"]


def test_media_and_times_that_do_not_go_together_leave_no_picture(tmp_path: Path) -> None:
    clip = draw_plain_clip(tmp_path / "clip.mov", 64, 48)
    sent = reported_result("A dusk.", media="rgb+edge", frames=frames(0.25, 0.5, 0.75))
    made = PictureMaker().make(reported_prompt("dusk", "dusk", sent, media=[clip, clip]))
    assert made.pictures == ()
    assert made.note == "Which frame is of which of the media is not known."
