"""Which videos the model is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.specs.media import NO_MEDIA, Media, ShownMedia, choose_media
from backend.specs.model import Spec, SpecFormat

RGB, EDGE, DEPTH = Path("rgb.mp4"), Path("edge.mp4"), Path("depth.mp4")


def spec(video: Path | None, **controls: Path) -> Spec:
    return Spec(SpecFormat.TRANSFER1, Path("a.json"), 0, 1, "a", "dusk", video, controls)


@pytest.mark.parametrize(
    ("media", "shown"),
    [
        (Media.RGB, ShownMedia(RGB, (), "rgb")),
        (Media.CONTROL, ShownMedia(EDGE, (), "edge")),
        (Media.BOTH, ShownMedia(RGB, (EDGE,), "rgb+edge")),
        (Media.ALL, ShownMedia(RGB, (DEPTH, EDGE), "rgb+depth+edge")),
        (Media.NONE, NO_MEDIA),
    ],
)
def test_the_setting_decides_and_a_single_control_is_edge_before_depth(
    media: Media, shown: ShownMedia
) -> None:
    assert choose_media(spec(RGB, depth=DEPTH, edge=EDGE), media) == shown


@pytest.mark.parametrize("media", [media for media in Media if media is not Media.NONE])
def test_what_is_missing_is_stood_in_for(media: Media) -> None:
    assert choose_media(spec(RGB), media) == ShownMedia(RGB, (), "rgb")
    # A spec without an RGB video has its first control in its place.
    assert choose_media(spec(DEPTH, depth=DEPTH), media) == ShownMedia(DEPTH, (), "depth")
    assert choose_media(spec(None), media) == ShownMedia(None)


def test_a_control_that_nobody_knows_is_not_looked_at() -> None:
    assert choose_media(spec(RGB, style=EDGE), Media.BOTH) == ShownMedia(RGB, (), "rgb")
