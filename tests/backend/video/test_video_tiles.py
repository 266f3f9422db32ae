"""Photographs of phones: HEIC files, whose picture is a grid of tiles."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from backend.errors import MediaError
from backend.sizes import Size
from backend.video import MediaKind, choose_frames, prepare_frames, probe
from backend.video.thumbnails import read_thumbnails
from tests.support.heic import heic_of_tiles

RunFfmpeg = Callable[..., None]
Colour = tuple[int, int, int]

SIDE = 64
COLOURS: list[Colour] = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (220, 220, 220)]
"""Of the four tiles, row by row."""
SHOWN = (120, 90)


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory, run_ffmpeg: RunFfmpeg) -> list[bytes]:
    """Tiles of one colour each."""
    folder = tmp_path_factory.mktemp("tiles")
    for at, colour in enumerate(COLOURS):
        source = f"color=0x{bytes(colour).hex()}:s={SIDE}x{SIDE}:d=0.04,format=yuv420p"
        quiet = ("-x265-params", "log-level=none:info=0")
        run_ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libx265", *quiet, folder / f"{at}.mp4")
    return [(folder / f"{at}.mp4").read_bytes() for at in range(len(COLOURS))]


def colours_of(width: int, height: int, pixels: bytes) -> list[Colour]:
    """The colours near the corners, row by row."""
    found = []
    for y in (height // 4, 3 * height // 4):
        for x in (width // 4, 3 * width // 4):
            at = 3 * (y * width + x)
            found.append((pixels[at], pixels[at + 1], pixels[at + 2]))
    return found


@pytest.mark.parametrize(
    ("turns", "size", "order"), [(0, Size(120, 90), (0, 1, 2, 3)), (1, Size(90, 120), (1, 3, 0, 2))]
)
async def test_a_photograph_in_tiles_is_drawn_whole_and_upright(
    tmp_path: Path, tiles: list[bytes], turns: int, size: Size, order: tuple[int, ...]
) -> None:
    file = tmp_path / "IMG_0001.HEIC"
    file.write_bytes(heic_of_tiles(tiles, 2, SIDE, SHOWN, turns=turns))
    photo = probe(file)
    assert (photo.kind, photo.size, photo.frames) == (MediaKind.IMAGE, size, 1)
    chosen, half = choose_frames(photo, 2), Size(size.width // 2, size.height // 2)
    wanted = [COLOURS[at] for at in order]
    for drawn in (size, half):
        (frame,) = (await prepare_frames(photo, chosen, drawn, tmp_path / "kept")).frames
        with Image.open(frame.path) as picture:
            found = colours_of(*picture.size, picture.tobytes())
        assert sum(found, ()) == pytest.approx(sum(wanted, ()), abs=8)
    (small,) = read_thumbnails(photo, chosen, half)
    found = colours_of(half.width, half.height, small.pixels)
    assert sum(found, ()) == pytest.approx(sum(wanted, ()), abs=8)


def test_an_ffmpeg_that_knows_no_tiles_is_told(
    tmp_path: Path, tiles: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "ffmpeg"
    old.write_text("#!/bin/sh\necho \"Stream specifier 'g:0' matches no streams\" >&2\nexit 1\n")
    old.chmod(0o755)
    monkeypatch.setattr(sys.modules["backend.video.tiles"], "find_new_ffmpeg", lambda: old)
    file = tmp_path / "IMG_0001.HEIC"
    file.write_bytes(heic_of_tiles(tiles, 2, SIDE, SHOWN))
    with pytest.raises(MediaError, match="in several parts, which is not read") as caught:
        probe(file)
    assert "JPEG" in caught.value.remedy


def test_a_heic_that_is_cut_off_is_told(tmp_path: Path, tiles: list[bytes]) -> None:
    file = tmp_path / "IMG_0001.HEIC"
    file.write_bytes(heic_of_tiles(tiles, 2, SIDE, SHOWN)[:-60])
    with pytest.raises(MediaError, match="is cut off"):
        probe(file)
