"""Marks, cursor and filter, without a screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.specs.model import Broken, Skipped, Spec
from tui.listing import Listing


@pytest.fixture
def listing(street: tuple[Spec, ...]) -> Listing:
    """The street's specs."""
    full = Listing()
    full.add(street)
    return full


def names(listing: Listing) -> list[str]:
    return [listing.rows[number].spec.name for number in listing.shown]


def test_specs_and_troubles_are_told_apart(street: tuple[Spec, ...]) -> None:
    listing = Listing()
    specs = listing.add([street[0], Broken(Path("b"), 1, "bad"), Skipped(Path("s"), "no")])
    assert specs == [street[0]]
    assert (len(listing.broken), len(listing.skipped)) == (1, 1)


def test_a_filter_looks_for_every_word_in_names_and_prompts(listing: Listing) -> None:
    listing.set_filter(" STREET  light ")
    assert names(listing) == ["light_snow"]


def test_specs_that_arrive_later_pass_the_filter_too(
    listing: Listing, street: tuple[Spec, ...]
) -> None:
    listing.set_filter("fog")
    listing.add(street)
    assert names(listing) == ["foggy_morning", "foggy_morning"]


def test_marks_that_a_filter_hides_are_counted(listing: Listing) -> None:
    listing.toggle_all()
    listing.set_filter("rain")
    assert (len(listing.marked), listing.hidden_marks) == (10, 8)


def test_all_and_invert_leave_hidden_marks_alone(listing: Listing) -> None:
    listing.toggle_mark()
    listing.set_filter("rain")
    listing.toggle_all()
    assert len(listing.marked) == 3
    listing.invert()
    assert listing.marked == {0}
    listing.toggle_all()
    listing.toggle_all()
    assert listing.marked == {0}


def test_the_cursor_stays_on_its_spec_when_the_filter_changes(listing: Listing) -> None:
    listing.move_to(4)
    before = listing.current
    listing.set_filter("rain")
    assert listing.current is before
    listing.set_filter("")
    assert (listing.current is before, listing.position) == (True, 4)


def test_the_cursor_moves_to_what_is_left(listing: Listing) -> None:
    listing.move_to(99)
    assert listing.position == 9
    listing.set_filter("golden")
    assert listing.position == 0
    listing.set_filter("nothing like it")
    assert listing.current is None
    listing.toggle_mark()
    assert listing.marked == set()
