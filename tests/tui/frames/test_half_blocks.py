"""Pictures drawn with half-blocks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color

from backend.sizes import Size
from backend.video.thumbnails import Thumbnail
from tui.frames.half_blocks import draw_half_blocks

RED, GREEN, BLUE, WHITE = b"\xff\0\0", b"\0\xff\0", b"\0\0\xff", b"\xff\xff\xff"


@st.composite
def thumbnails(draw: st.DrawFn) -> Thumbnail:
    width, height = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    count = 3 * width * height
    return Thumbnail(Size(width, height), draw(st.binary(min_size=count, max_size=count)))


def colours(picture: Thumbnail) -> list[list[tuple[Color | None, Color | None]]]:
    """Upper and lower colour of each cell, line by line."""
    return [
        [
            (segment.style.color, segment.style.bgcolor) if segment.style else (None, None)
            for segment in line
            for _ in segment.text
        ]
        for line in draw_half_blocks(picture)
    ]


@given(thumbnails())
def test_a_cell_is_two_pixels(picture: Thumbnail) -> None:
    width, height = picture.size.width, picture.size.height
    lines = draw_half_blocks(picture)
    assert len(lines) == -(-height // 2)
    assert {line.cell_length for line in lines} == {width}
    for y, line in enumerate(colours(picture)):
        for x, (upper, lower) in enumerate(line):
            assert upper == Color.from_rgb(*picture.row(2 * y)[3 * x : 3 * x + 3])
            if 2 * y + 1 < height:
                assert lower == Color.from_rgb(*picture.row(2 * y + 1)[3 * x : 3 * x + 3])
            else:
                assert lower is None


def test_known_pixels_give_known_colours() -> None:
    picture = Thumbnail(Size(2, 2), RED + GREEN + BLUE + WHITE)
    (line,) = draw_half_blocks(picture)
    assert line.text == "▀▀"
    assert colours(picture) == [
        [
            (Color.from_rgb(255, 0, 0), Color.from_rgb(0, 0, 255)),
            (Color.from_rgb(0, 255, 0), Color.from_rgb(255, 255, 255)),
        ]
    ]


def test_cells_alike_are_drawn_at_once() -> None:
    (line,) = draw_half_blocks(Thumbnail(Size(40, 2), RED * 40 + BLUE * 40))
    assert len(list(line)) == 1
