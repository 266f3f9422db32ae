from __future__ import annotations

import io
import random
from functools import cache

import pytest
from PIL import Image, ImageDraw, ImageEnhance

from remote.engines.sketch import terms
from remote.engines.sketch.grid import GridPicture, read_picture
from remote.engines.sketch.motion import FrameChange, View, compare

SIZE = (320, 180)


def picture(image: Image.Image) -> GridPicture:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return read_picture(stream.getvalue())


@cache
def landscape(seed: int = 1) -> Image.Image:
    """A large picture of overlapping shapes, to look at through a window."""
    numbers = random.Random(seed)
    image = Image.new("RGB", (960, 540), (numbers.randrange(256), 90, 110))
    draw = ImageDraw.Draw(image)
    for _ in range(220):
        x, y = numbers.randrange(960), numbers.randrange(540)
        wide, high = numbers.randrange(10, 90), numbers.randrange(10, 90)
        colour = tuple(numbers.randrange(256) for _ in range(3))
        draw.ellipse([x, y, x + wide, y + high], fill=colour)
    return image


def window(left: int, top: int, zoom: float = 1) -> GridPicture:
    wide, high = int(SIZE[0] / zoom), int(SIZE[1] / zoom)
    left, top = left + (SIZE[0] - wide) // 2, top + (SIZE[1] - high) // 2
    return picture(landscape().crop((left, top, left + wide, top + high)).resize(SIZE))


def with_ball(x: int, y: int, background: Image.Image | None = None) -> GridPicture:
    image = (background or Image.new("RGB", SIZE, "#5a6e78")).copy()
    draw = ImageDraw.Draw(image)
    draw.ellipse([x, y, x + 40, y + 40], fill="#f0e6c8", outline="#402010", width=5)
    return picture(image)


def test_the_same_picture_twice_stands_still() -> None:
    change = compare(window(300, 200), window(300, 200), 1)
    assert (change.view, change.moving, change.where) == (View.STILL, 0, ())


@pytest.mark.parametrize(
    ("left", "top", "name"),
    [
        (40, 0, "pan right"),
        (-40, 0, "pan left"),
        (0, 30, "tilt down"),
        (0, -30, "tilt up"),
        (40, 24, "pan right tilt down"),
        (-40, -24, "pan left tilt up"),
    ],
)
def test_a_moving_camera_is_called_so(left: int, top: int, name: str) -> None:
    change = compare(window(300, 200), window(300 + left, 200 + top), 1)
    assert terms.view_motion(change).startswith(name)
    assert change.right == pytest.approx(-left / SIZE[0], abs=0.01)
    assert change.down == pytest.approx(-top / SIZE[1], abs=0.01)


@pytest.mark.parametrize(
    ("seconds", "pace"), [(4, "slowly"), (1, "steadily"), (0.25, "quickly"), (0, ""), (-1, "")]
)
def test_the_pace_of_a_pan_is_its_distance_by_its_time(seconds: float, pace: str) -> None:
    assert terms.pace(compare(window(300, 200), window(340, 200), seconds)) == pace


@pytest.mark.parametrize(("zoom", "view"), [(1.33, View.NEARS), (0.75, View.RECEDES)])
def test_a_zoom_is_called_so(zoom: float, view: View) -> None:
    change = compare(window(300, 200), window(300, 200, zoom), 1)
    assert change.view is view
    assert change.scale == pytest.approx(zoom, rel=0.1)


def test_another_scene_is_a_cut() -> None:
    other = picture(landscape(2).crop((0, 0, *SIZE)))
    assert compare(window(300, 200), other, 1).view is View.CUT


def test_frames_of_different_shape_are_a_cut() -> None:
    assert compare(window(0, 0), picture(Image.new("RGB", (180, 320))), 1).view is View.CUT


def test_a_brighter_picture_of_the_same_view_is_no_motion() -> None:
    view = landscape().crop((300, 200, 300 + SIZE[0], 200 + SIZE[1]))
    change = compare(picture(ImageEnhance.Brightness(view).enhance(0.7)), picture(view), 1)
    assert change.view is View.STILL
    assert terms.lighting_change([change]) == "brighter"


def test_flat_pictures_claim_no_motion() -> None:
    gray, lighter = (picture(Image.new("RGB", SIZE, c)) for c in ("#808080", "#868686"))
    change = compare(gray, lighter, 1)
    assert (change.view, change.moving) == (View.STILL, 0)


@pytest.mark.parametrize(
    ("x", "y", "direction"),
    [
        (40, 0, "to the right"),
        (-40, 0, "to the left"),
        (0, 40, "downward"),
        (0, -40, "upward"),
        (40, -40, "to the right and upward"),
    ],
)
def test_a_thing_that_moves_before_a_plain_wall_is_not_the_camera(
    x: int, y: int, direction: str
) -> None:
    change = compare(with_ball(140, 70), with_ball(140 + x, 70 + y), 1)
    assert change.view is View.STILL
    assert terms.direction([change]) == direction


def test_it_is_said_where_something_moves() -> None:
    scene = landscape().crop((300, 200, 300 + SIZE[0], 200 + SIZE[1]))
    change = compare(with_ball(10, 10, scene), with_ball(40, 10, scene), 1)
    assert terms.movement([change]) == ("clear", "the upper left")


def test_a_thing_of_the_same_brightness_is_seen_to_move() -> None:
    red, green = Image.new("RGB", SIZE, (150, 100, 100)), (60, 126, 100)
    assert picture(red).luma[0] == pytest.approx(
        picture(Image.new("RGB", (1, 1), green)).luma[0], abs=2
    )
    other = red.copy()
    ImageDraw.Draw(other).rectangle([200, 50, 260, 110], fill=green)
    assert compare(picture(red), picture(other), 1).moving > 0.05


def test_directions_that_cancel_out_are_not_told() -> None:
    there = compare(with_ball(140, 70), with_ball(180, 70), 1)
    back = compare(with_ball(180, 70), with_ball(140, 70), 1)
    assert terms.direction([there, back]) == ""


def test_a_clip_that_is_cut_says_nothing_of_its_light() -> None:
    cut = FrameChange(View.CUT, 1, 0, 0, 1, 0, (), None, 0.5)
    assert terms.lighting_change([cut]) == ""


def test_a_picture_of_one_pixel_compares() -> None:
    one = picture(Image.new("RGB", (1, 1), "red"))
    assert compare(one, one, 1).view is View.STILL
