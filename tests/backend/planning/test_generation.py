"""What is to be made of a prompt: the spec's own words, the control's size, and Cosmos 3's defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.planning.generation import aspect_ratio_of, generation_of
from backend.sizes import COSMOS3_SIZES, Size
from backend.specs.model import Mode, Target
from backend.video import MediaKind, Video

CLIP = Video(Path("edge.mp4"), MediaKind.VIDEO, Size(640, 480), 30.0, 4.0, 120, "h264")


@pytest.mark.parametrize(
    ("target", "shown", "size", "ratio", "fps", "seconds"),
    [
        (Target(Mode.TEXT2VIDEO), None, "1280x720", "16,9", 24, 189 / 24),
        (Target(Mode.TEXT2VIDEO, resolution="480", aspect_ratio="9,16"), None, "480x832", "9,16", 24, 7.875),
        (Target(Mode.TEXT2VIDEO, fps=10, num_frames=101), None, "1280x720", "16,9", 10, 10.1),
        (Target(Mode.TEXT2IMAGE, resolution="768", aspect_ratio="1,1"), None, "1024x1024", "1,1", 0, 0),
        (Target(num_frames=1), None, "1280x720", "16,9", 0, 0),
        (Target(Mode.IMAGE2VIDEO), CLIP, "1104x832", "4,3", 24, 7.875),
        (Target(Mode.TRANSFER), CLIP, "640x480", "4,3", 30, 4),
        (Target(Mode.TRANSFER, resolution="720"), CLIP, "1104x832", "4,3", 30, 4),
        (Target(Mode.TRANSFER, fps=10, num_frames=101), CLIP, "640x480", "4,3", 10, 10.1),
        (Target(resolution="432,768"), None, "768x432", "16,9", 24, 7.875),
        (Target(resolution="0,0", aspect_ratio="0,0"), None, "1x1", "1,1", 24, 7.875),
        (Target(resolution="4K", aspect_ratio="wide"), None, "1280x720", "16,9", 24, 7.875),
    ],
)  # fmt: skip
def test_size_and_length_follow_from_the_spec_and_then_from_its_control(
    target: Target, shown: Video | None, size: str, ratio: str, fps: float, seconds: float
) -> None:
    made = generation_of(target, shown)
    assert (made.mode, str(made.size), made.aspect_ratio) == (target.mode or "", size, ratio)
    assert (made.fps, made.seconds) == (fps, seconds)


def test_each_size_of_the_table_has_the_ratio_under_which_it_stands() -> None:
    for row in COSMOS3_SIZES.values():
        assert [aspect_ratio_of(size) for size in row.values()] == [
            "16,9",
            "4,3",
            "1,1",
            "3,4",
            "9,16",
        ]
