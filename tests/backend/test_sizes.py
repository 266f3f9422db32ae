"""Sizes as they are written, Cosmos' table, and greatest resolutions."""

from __future__ import annotations

import pytest

from backend.errors import InputError
from backend.sizes import CATEGORIES, UNBOUNDED, AspectRatio, Bound, Size, detect_aspect_ratio


@pytest.mark.parametrize("text", ["854x480", " 854X480 ", "854×480", "854 x 480"])
def test_a_size_is_read_as_people_write_it(text: str) -> None:
    assert Size.parse(text) == Size(854, 480)


def test_a_size_prints_as_it_is_read() -> None:
    assert str(Size.parse("854x480")) == "854x480"
    assert Size(854, 480).area == 409_920


@pytest.mark.parametrize("text", ["", "854", "854x", "0x480", "-1x4", "8.5x4", "1x2x3", "٨x٤"])
def test_what_is_no_size_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(InputError) as caught:
        Size.parse(text)
    assert "854x480" in caught.value.remedy


def test_a_picture_without_pixels_is_refused() -> None:
    with pytest.raises(InputError, match="no pixels"):
        Size(0, 10)


def test_the_table_has_25_sizes_each_closest_to_its_own_aspect() -> None:
    rows = [(aspect, size) for sizes in CATEGORIES.values() for aspect, size in sizes.items()]
    assert len(rows) == 25
    assert all(detect_aspect_ratio(size.width, size.height) is aspect for aspect, size in rows)
    assert CATEGORIES[720][AspectRatio.WIDE] == Size(1280, 704)
    assert CATEGORIES[480][AspectRatio.TALL] == Size(432, 768)


@pytest.mark.parametrize(
    ("width", "height", "aspect"),
    [(1920, 1080, "16:9"), (640, 480, "4:3"), (500, 499, "1:1"), (3, 4, "3:4"), (1, 900, "9:16")],
)
def test_the_closest_aspect_is_found(width: int, height: int, aspect: str) -> None:
    assert detect_aspect_ratio(width, height) == aspect


def test_no_aspect_is_found_for_no_pixels() -> None:
    with pytest.raises(InputError):
        detect_aspect_ratio(640, 0)


def test_a_box_bounds_each_side() -> None:
    box = Bound.parse("854x480")
    assert box.allows(Size(854, 480))
    assert not box.allows(Size(856, 2))
    assert not box.allows(Size(480, 854))
    assert str(box) == "854x480"


@pytest.mark.parametrize("text", ["480", "480p"])
def test_one_number_bounds_the_shorter_side(text: str) -> None:
    bound = Bound.parse(text)
    assert bound.allows(Size(4000, 480))
    assert bound.allows(Size(480, 854))
    assert not bound.allows(Size(640, 482))
    assert str(bound) == "480"


def test_an_empty_text_bounds_nothing() -> None:
    assert Bound.parse(" ") == UNBOUNDED
    assert UNBOUNDED.allows(Size(100_000, 100_000))
    assert str(UNBOUNDED) == ""


@pytest.mark.parametrize("text", ["big", "0", "480x", "-480"])
def test_what_is_no_bound_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(InputError, match="greatest resolution") as caught:
        Bound.parse(text)
    assert "480" in caught.value.remedy
