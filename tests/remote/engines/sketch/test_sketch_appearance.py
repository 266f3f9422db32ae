from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw

from remote.engines.sketch import terms
from remote.engines.sketch.appearance import measure_detail, measure_light, measure_palette
from remote.engines.sketch.colours import NAMED, name_colour, to_lab
from remote.engines.sketch.grid import GridPicture, read_picture


def picture(image: Image.Image) -> GridPicture:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return read_picture(stream.getvalue())


def plain(colour: str, size: tuple[int, int] = (320, 180)) -> Image.Image:
    return Image.new("RGB", size, colour)


def checkered(image: Image.Image, left: int, top: int, right: int, bottom: int) -> Image.Image:
    draw = ImageDraw.Draw(image)
    for x in range(left, right, 10):
        for y in range(top, bottom, 10):
            if (x + y) // 10 % 2:
                draw.rectangle([x, y, x + 9, y + 9], fill="white")
    return image


@pytest.mark.parametrize(
    ("size", "cells"),
    [((910, 512), (151, 85)), ((160, 90), (160, 90)), ((3, 1), (3, 1)), ((1, 900), (1, 150))],
)
def test_a_grid_has_at_most_160_cells_a_side(size: tuple[int, int], cells: tuple[int, int]) -> None:
    small = picture(plain("teal", size))
    assert (small.columns, small.rows) == cells
    assert (small.width, small.height) == size


def test_a_cell_is_the_mean_of_its_pixels() -> None:
    noise = Image.effect_noise((480, 318), 80).convert("RGB")
    reduced = noise.reduce(3)
    small = picture(noise)
    expected = reduced.getchannel("R").tobytes()
    assert max(abs(a - b) for a, b in zip(small.red, expected, strict=True)) <= 1


def test_luma_weighs_green_most() -> None:
    lumas = [picture(plain(name, (4, 4))).luma[0] for name in ("blue", "red", "lime", "white")]
    assert lumas == [18, 54, 182, 255]  # 0.0722, 0.2126, 0.7152 of 255


def test_exposure_and_clipping_are_measured() -> None:
    image = plain("black", (320, 100))
    ImageDraw.Draw(image).rectangle([240, 0, 319, 99], fill="white")
    light = measure_light([picture(image)])
    assert light.mean == pytest.approx(0.25)
    assert light.black == pytest.approx(0.75)
    assert light.white == pytest.approx(0.25)
    assert light.spread == 1


def test_a_dark_saturated_colour_is_not_clipped_to_black() -> None:
    assert measure_light([picture(plain("navy"))]).black == 0


@pytest.mark.parametrize(
    ("colour", "level"),
    [
        ("black", "very dark"),
        ("#303030", "dark"),
        ("#808080", "balanced"),
        ("#f8f8f8", "very bright"),
    ],
)
def test_brightness_is_named(colour: str, level: str) -> None:
    assert terms.brightness(measure_light([picture(plain(colour))])) == level


@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_named_colour_has_its_own_name(name: str) -> None:
    assert name_colour(*NAMED[name]) == name


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((255, 0, 0), "red"),
        ((0, 0, 255), "blue"),
        ((255, 255, 0), "yellow"),
        ((0, 128, 0), "green"),
        ((255, 255, 255), "white"),
        ((100, 100, 100), "dark gray"),
        ((139, 69, 19), "rust"),
        ((0, 0, 60), "navy"),
        ((0, 0, 128), "navy"),
        ((245, 245, 220), "cream"),
    ],
)
def test_common_colours_are_called_what_people_call_them(
    colour: tuple[int, int, int], name: str
) -> None:
    assert name_colour(*colour) == name


def test_a_gray_is_never_called_by_a_colour() -> None:
    names = {name_colour(value, value, value) for value in range(256)}
    assert names == {"black", "charcoal", "dark gray", "gray", "light gray", "white"}


def test_oklab_matches_its_published_examples() -> None:
    white, red = to_lab(255, 255, 255), to_lab(255, 0, 0)
    assert (white.light, white.a, white.b) == pytest.approx((1, 0, 0), abs=1e-4)
    assert (red.light, red.a, red.b) == pytest.approx((0.62796, 0.22486, 0.12585), abs=1e-4)


def test_dominant_colours_come_with_their_share() -> None:
    image = plain("#2350d7")
    ImageDraw.Draw(image).rectangle([0, 0, 319, 59], fill="#d72323")
    palette = measure_palette([picture(image)])
    assert [colour.name for colour in palette.colours] == ["blue", "red"]
    assert [colour.share for colour in palette.colours] == pytest.approx([2 / 3, 1 / 3])


def test_a_small_strong_colour_is_an_accent() -> None:
    image = plain("#808080")
    ImageDraw.Draw(image).rectangle([100, 60, 140, 100], fill="#d72323")
    palette = measure_palette([picture(image)])
    assert (terms.main_colours(palette), terms.accent(palette)) == (["gray"], "red")


def test_gray_is_neutral_and_orange_is_warm() -> None:
    gray, orange = (measure_palette([picture(plain(c))]) for c in ("#808080", "orange"))
    assert terms.saturation(gray) == "neutral"
    assert (terms.saturation(orange), terms.temperature(orange)) == ("vivid", "warm")


@pytest.mark.parametrize(
    ("box", "place"),
    [
        ((0, 0, 100, 60), "the upper left"),
        ((220, 120, 320, 180), "the lower right"),
        ((110, 60, 210, 120), "the center"),
        ((0, 0, 100, 180), "the left third"),
        ((0, 120, 320, 180), "the lower third"),
        ((0, 0, 320, 180), ""),
    ],
)
def test_detail_is_found_where_it_is(box: tuple[int, int, int, int], place: str) -> None:
    detail = measure_detail([picture(checkered(plain("black"), *box))])
    assert terms.place(detail.ninths) == place
    assert sum(detail.ninths) == pytest.approx(1)


def test_a_plain_picture_has_no_detail_anywhere() -> None:
    detail = measure_detail([picture(plain("teal"))])
    assert (detail.amount, terms.texture(detail), terms.place(detail.ninths)) == (0, "smooth", "")


@pytest.mark.parametrize(
    ("size", "shape"), [((320, 180), "wide"), ((180, 320), "tall"), ((200, 200), "nearly square")]
)
def test_the_shape_of_the_frame_is_named(size: tuple[int, int], shape: str) -> None:
    assert terms.shape(*size) == shape
