"""HDR and wide gamuts are drawn as a person sees them; everything else is left as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from backend.sizes import Size
from backend.video import Colours, choose_frames, create_hint_video, prepare_frames, probe
from backend.video.colours import Curve, Gamut
from backend.video.thumbnails import read_thumbnails

RunFfmpeg = Callable[..., None]
Colour = tuple[int, int, int]

SHOWN: Sequence[Colour] = [(255, 0, 0), (0, 255, 0), (128, 128, 128), (255, 255, 255)]
"""Red, green, grey and white on an ordinary screen."""
CODED: dict[str, Sequence[Colour]] = {
    "smpte2084:bt2020": [(136, 83, 56), (119, 146, 89), (109, 109, 109), (148, 148, 148)],
    "arib-std-b67:bt2020": [(167, 59, 29), (130, 187, 67), (105, 105, 105), (192, 192, 192)],
    "bt2020-10:bt2020": [(210, 84, 46), (154, 246, 89), (128, 128, 128), (255, 255, 255)],
    "bt709:smpte432": [(235, 62, 47), (124, 251, 85), (128, 128, 128), (255, 255, 255)],
}
"""The same in a file with this transfer and these primaries."""
WIDTH = 32
"""Of each of the four."""


@pytest.fixture
def clip(tmp_path: Path, run_ffmpeg: RunFfmpeg) -> Callable[[str, Sequence[Colour]], Path]:
    """Makes a 10-bit H.264 clip of four colours with these tags, as "transfer:primaries"."""

    def make(tags: str, colours: Sequence[Colour]) -> Path:
        file = tmp_path / "clip.mp4"
        transfer, primaries = tags.split(":")
        matrix = "bt2020" if primaries == "bt2020" else "bt709"
        bands = ";".join(
            f"color=0x{bytes(colour).hex()}:s={WIDTH}x32:d=1:r=4,format=gbrp[c{at}]"
            for at, colour in enumerate(colours)
        )
        graph = (
            f"{bands};[c0][c1][c2][c3]hstack=4,scale=out_color_matrix={matrix}:out_range=tv,"
            f"format=yuv420p10le,setparams=color_trc={transfer}:color_primaries={primaries}"
        )
        run_ffmpeg("-f", "lavfi", "-i", graph, "-c:v", "libx264", "-crf", "1", file)
        return file

    return make


async def drawn(file: Path, size: Size | None, folder: Path) -> list[Colour]:
    """The four colours as they are drawn at this size, or at their own."""
    video = probe(file)
    made = await prepare_frames(video, choose_frames(video, 1), size or video.size, folder)
    with Image.open(made.frames[0].path) as picture:
        return colours_in(picture.width, picture.tobytes())


def colours_in(width: int, pixels: bytes) -> list[Colour]:
    row = pixels[3 * width * 8 :]
    middles = [3 * (width * (2 * at + 1) // 8) for at in range(4)]
    return [(row[x], row[x + 1], row[x + 2]) for x in middles]


def far(found: Sequence[Colour], wanted: Sequence[Colour]) -> int:
    """How far the colours are from one another: the greatest difference of a channel."""
    channels = zip(sum(found, ()), sum(wanted, ()), strict=True)
    return max(abs(one - other) for one, other in channels)


@pytest.mark.parametrize("tags", CODED)
async def test_colours_are_drawn_as_a_person_sees_them(
    clip: Callable[[str, Sequence[Colour]], Path], tmp_path: Path, tags: str
) -> None:
    file = clip(tags, CODED[tags])
    half = Size(2 * WIDTH, 16)
    assert far(await drawn(file, None, tmp_path / "a"), SHOWN) <= 12
    assert far(await drawn(file, half, tmp_path / "a"), SHOWN) <= 12
    video = probe(file)
    (small,) = read_thumbnails(video, choose_frames(video, 1), half)
    assert far(colours_in(half.width, small.pixels), SHOWN) <= 12
    hint = await create_hint_video(file, tmp_path / "hint.mp4")
    assert probe(hint).colours is None
    assert far(await drawn(hint, None, tmp_path / "b"), SHOWN) <= 14
    # What an earlier version drew of this video is not taken for this.
    kept = [path.name for path in (tmp_path / "a").iterdir()]
    assert all(name.removesuffix(".mp4").endswith(f"-{video.colours}") for name in kept)


@pytest.mark.parametrize("tags", ["bt709:bt709", "unknown:bt2020", "unknown:unknown"])
async def test_ten_bits_alone_and_missing_tags_change_no_colour(
    clip: Callable[[str, Sequence[Colour]], Path], tmp_path: Path, tags: str
) -> None:
    file = clip(tags, SHOWN)
    video = probe(file)
    assert video.colours is None
    assert video.is_perhaps_hdr == tags.endswith("bt2020")
    assert far(await drawn(file, None, tmp_path / "a"), SHOWN) <= 3


@pytest.mark.parametrize("suffix", ["png", "gif", "mov"])
async def test_what_is_transparent_is_drawn_white(
    tmp_path: Path, run_ffmpeg: RunFfmpeg, suffix: str
) -> None:
    """Whatever colour is stored for it; here, a red that is less and less there."""
    bands = [Image.new("RGBA", (WIDTH, 32), (200, 30, 30, alpha)) for alpha in (255, 128, 1, 0)]
    picture = Image.new("RGBA", (4 * WIDTH, 32))
    for at, band in enumerate(bands):
        picture.paste(band, (at * WIDTH, 0))
    source, file = tmp_path / "source.png", tmp_path / f"logo.{suffix}"
    picture.save(source)
    if suffix == "mov":
        run_ffmpeg("-i", source, "-c:v", "qtrle", file)
    else:
        picture.save(file)
    half = Size(2 * WIDTH, 16)
    found = [await drawn(file, None, tmp_path / "a"), await drawn(file, half, tmp_path / "a")]
    video = probe(file)
    (small,) = read_thumbnails(video, choose_frames(video, 1), half)
    found.append(colours_in(half.width, small.pixels))
    half_there = (200, 30, 30) if suffix == "gif" else (227, 142, 142)
    for colours in found:
        assert far(colours, [(200, 30, 30), half_there, *2 * [(255, 255, 255)]]) <= 6


async def test_a_picture_that_could_be_transparent_and_is_not_keeps_its_identity(
    tmp_path: Path,
) -> None:
    file = tmp_path / "whole.png"
    Image.new("RGBA", (4 * WIDTH, 32), (200, 30, 30, 255)).save(file)
    assert probe(file).colours is None
    assert await drawn(file, None, tmp_path / "a") == 4 * [(200, 30, 30)]


def test_the_name_of_colours_is_read_back() -> None:
    for colours in (Colours(Curve.PQ, Gamut.BT2020), Colours(Curve.SDR, Gamut.P3, True)):
        assert Colours.parse(str(colours)) == colours
