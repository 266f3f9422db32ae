"""Which pictures of a spec's frames are shown, how large, and what is kept of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.sizes import Size
from backend.video import FrameSampling, probe
from backend.video.thumbnails import ThumbnailsCancelled
from tests.support.specs import draw_three_clips
from tui.frames.pictures import GAP, Look, PictureBook, lay_out

SMALL = Size(16, 10)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return draw_three_clips(tmp_path_factory.mktemp("clips"), "320x192")


def never() -> bool:
    return False


def look(path: Path, control: Path | None = None) -> Look:
    return Look(tuple((probe(it), 2) for it in (path, control) if it), FrameSampling.UNIFORM)


def test_frames_are_told_by_their_time(clips: list[Path]) -> None:
    pictures = list(PictureBook().read(look(clips[0]), SMALL, 9, never))
    assert [it.label for it in pictures] == ["0.25 s", "0.75 s"]
    assert {it.thumbnail.size for it in pictures} == {SMALL}


def test_frames_of_a_control_come_after_those_of_the_video(clips: list[Path]) -> None:
    both = look(clips[0], clips[1])
    pictures = list(PictureBook().read(both, SMALL, 3, never))
    assert [it.label for it in pictures] == ["video 0.25 s", "video 0.75 s", "control 0.25 s"]


def test_a_second_look_decodes_nothing(clips: list[Path]) -> None:
    book = PictureBook()
    first = list(book.read(look(clips[0]), SMALL, 9, never))
    assert list(book.read(look(clips[0]), SMALL, 9, never)) == first
    assert book.decoded == 2


def test_a_file_that_changed_is_read_again(clips: list[Path]) -> None:
    book = PictureBook()
    list(book.read(look(clips[2]), SMALL, 9, never))
    os.utime(clips[2], ns=(1, 1))
    list(book.read(look(clips[2]), SMALL, 9, never))
    assert book.decoded == 4


def test_only_the_last_pictures_are_kept(clips: list[Path]) -> None:
    book = PictureBook(most=3)
    for clip in clips:
        list(book.read(look(clip), SMALL, 9, never))
    assert len(book) == 3
    list(book.read(look(clips[2]), SMALL, 9, never))
    assert book.decoded == 6


def test_a_book_too_small_for_a_look_still_shows_all_of_it(clips: list[Path]) -> None:
    book = PictureBook(most=1)
    first = list(book.read(look(clips[0]), SMALL, 9, never))
    assert list(book.read(look(clips[0]), SMALL, 9, never)) == first


def test_what_nobody_wants_is_not_begun(clips: list[Path]) -> None:
    book = PictureBook()
    with pytest.raises(ThumbnailsCancelled):
        list(book.read(look(clips[0]), SMALL, 9, lambda: True))
    assert book.decoded == 0


@given(
    st.builds(Size, st.integers(16, 4000), st.integers(16, 4000)),
    st.integers(1, 64),
    st.integers(1, 200),
    st.integers(1, 60),
)
def test_pictures_stay_within_their_room(source: Size, count: int, width: int, height: int) -> None:
    grid = lay_out(source, count, width, height)
    if grid is None:
        return
    rows = -(-grid.shown // grid.columns)
    assert grid.columns * grid.size.width + (grid.columns - 1) * GAP <= width
    assert rows * (grid.lines + 1) <= height
    assert 1 <= grid.shown <= count


def test_pictures_stand_as_they_are_largest() -> None:
    low = lay_out(Size(1280, 704), 2, 68, 12)
    assert low is not None
    assert (low.columns, low.size) == (2, Size(33, 18))
    tall = lay_out(Size(1280, 704), 2, 68, 30)
    assert tall is not None
    assert (tall.columns, tall.shown, tall.size) == (1, 2, Size(51, 28))


def test_fewer_are_shown_rather_than_some_that_cannot_be_made_out() -> None:
    flat = lay_out(Size(1280, 704), 8, 38, 8)
    assert flat is not None
    assert (flat.columns, flat.shown, flat.lines >= 3) == (2, 4, True)


def test_without_room_there_are_none() -> None:
    assert lay_out(Size(1280, 704), 2, 10, 30) is None
    assert lay_out(Size(1280, 704), 2, 60, 3) is None
