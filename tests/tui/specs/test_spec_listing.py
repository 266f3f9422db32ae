"""Marks, cursor, filter, order and groups, without a screen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.planning.history import LatestJob
from backend.planning.plan import Plan
from backend.specs.model import BrokenSpec, Skipped, Spec, SpecFormat
from backend.store import State
from backend.tokens import Budget
from tui.specs.listing import Listing
from tui.specs.rows import Column, SortOrder, heading


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
    rows = listing.add([street[0], BrokenSpec(Path("b"), 1, "bad"), Skipped(Path("s"), "no")])
    assert [row.spec for row in rows] == [street[0]]
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


def spec(name: str, file: str = "a.json", prompt: str = "", entry: int = 0) -> Spec:
    return Spec(SpecFormat.TEXT, Path(file), entry, 1, name, prompt or name)


def plan(prompt: str, text: int) -> Plan:
    return Plan(prompt, None, None, 0, Budget(4096, 300, text, 0), 0, None)


@pytest.fixture
def town() -> Listing:
    """Specs of two folders, three of them weighed."""
    town = Listing()
    town.add(
        [
            *(spec("delta", "x/1.json"), spec("alpha", "x/2.json"), spec("charlie", "x/3.json")),
            *(spec("bravo", "y/1.json"), spec("echo", "y/2.json")),
        ]
    )
    for number, tokens in ((0, 50), (2, 10), (4, 30)):
        town.take_plan(number, plan(town.rows[number].spec.prompt, tokens))
    return town


def drawn(listing: Listing) -> list[str]:
    """The lines, a folder in brackets."""
    return [
        listing.rows[line].spec.name if line >= 0 else f"[{listing.groups[heading(line)].folder}]"
        for line in listing.lines
    ]


def test_sorting_keeps_cursor_and_marks_on_their_specs(town: Listing) -> None:
    town.move_to(2)
    town.toggle_mark()
    town.set_order(SortOrder(Column.NAME))
    assert names(town) == ["alpha", "bravo", "charlie", "delta", "echo"]
    assert town.current is town.rows[2]
    assert town.marked == {2}
    town.set_order(SortOrder(Column.NAME).by(Column.NAME))
    assert names(town) == ["echo", "delta", "charlie", "bravo", "alpha"]
    town.set_order(SortOrder())
    assert town.shown == [0, 1, 2, 3, 4]


def test_what_is_not_weighed_comes_last_either_way(town: Listing) -> None:
    town.set_order(SortOrder(Column.TOKENS))
    assert names(town) == ["charlie", "echo", "delta", "alpha", "bravo"]
    town.set_order(SortOrder(Column.TOKENS, descending=True))
    assert names(town) == ["delta", "echo", "charlie", "alpha", "bravo"]


def test_plans_are_sorted_in_when_it_is_renewed(town: Listing) -> None:
    town.set_order(SortOrder(Column.TOKENS))
    town.take_plan(1, plan("alpha", 20))
    assert names(town)[0] == "charlie"
    assert town.renew()
    assert names(town) == ["charlie", "alpha", "echo", "delta", "bravo"]
    assert not town.renew()


def test_folders_are_headings_that_fold(town: Listing) -> None:
    town.move_to(3)
    town.set_grouped(True)
    assert drawn(town) == ["[x]", "delta", "alpha", "charlie", "[y]", "bravo", "echo"]
    assert town.current_line == 3
    town.fold(True)
    assert drawn(town) == ["[x]", "delta", "alpha", "charlie", "[y]"]
    assert town.current is None
    town.toggle_mark()
    assert town.marked == {3, 4}
    town.set_order(SortOrder(Column.NAME))
    assert drawn(town) == ["[x]", "alpha", "charlie", "delta", "[y]"]
    town.fold(False)
    town.move_to(6)
    town.set_grouped(False)
    assert town.current is town.rows[4]


def test_a_range_marks_what_lies_between(town: Listing) -> None:
    town.move_to(3)
    town.begin_range()
    town.move_to(1)
    assert town.range == (1, 3)
    town.mark_range()
    assert (town.marked, town.choosing) == ({1, 2, 3}, False)
    town.begin_range()
    town.mark_range()
    assert town.marked == {2, 3}


def test_a_range_that_is_left_marks_nothing(town: Listing) -> None:
    town.begin_range()
    town.move_to(3)
    town.leave_range()
    assert (town.marked, town.choosing) == (set(), False)


def test_each_change_of_marks_can_be_undone(town: Listing) -> None:
    town.toggle_mark()
    town.toggle_all()
    town.invert()
    assert town.marked == set()
    seen = []
    while town.undo_marks() is not None:
        seen.append(set(town.marked))
    assert seen == [{0, 1, 2, 3, 4}, {0}, set()]


def test_clearing_takes_hidden_marks_too_and_can_be_undone(town: Listing) -> None:
    town.toggle_all()
    town.set_filter("alpha")
    assert (town.clear_marks(), town.hidden_marks) == (5, 0)
    town.undo_marks()
    assert (len(town.marked), town.hidden_marks) == (5, 4)


def test_a_filter_for_marks_looks_at_them(town: Listing) -> None:
    town.toggle_mark()
    town.set_filter("marked:yes")
    assert names(town) == ["delta"]
    town.set_filter("marked:no a")
    assert names(town) == ["alpha", "charlie", "bravo"]


def test_similar_names_are_shown_only_where_nothing_matches(town: Listing) -> None:
    town.set_filter("cl")
    assert (names(town), town.similar) == (["charlie"], True)
    town.set_filter("clx")
    assert names(town) == []
    town.add([spec("cl", "z.json")])
    town.set_filter("cl")
    assert (names(town), town.similar) == (["cl"], False)


def test_a_changed_file_keeps_cursor_and_marks_and_is_weighed_again(town: Listing) -> None:
    town.move_to(2)
    town.toggle_mark()
    changed, gone = town.replace_files(
        {Path("x/3.json"): (spec("new", "x/3.json"), spec("charlie", "x/3.json", "edited", 1))}
    )
    assert [row.spec.prompt for row in changed] == ["edited", "new"]
    assert gone == set()
    assert names(town) == ["delta", "alpha", "new", "charlie", "bravo", "echo"]
    assert town.current is town.rows[2]
    assert (town.rows[2].spec.prompt, town.rows[2].plan) == ("edited", None)
    assert (town.marked, town.weighed) == ({2}, 2)


def test_a_plan_of_what_a_spec_said_before_is_not_taken(town: Listing) -> None:
    town.replace_files({Path("x/3.json"): (spec("charlie", "x/3.json", "edited"),)})
    town.take_plan(2, plan("charlie", 10))
    assert town.rows[2].plan is None


def test_what_is_gone_takes_its_mark_along_and_the_cursor_goes_on(town: Listing) -> None:
    town.toggle_all()
    town.move_to(2)
    _, gone = town.replace_files({Path("x/3.json"): (), Path("x/2.json"): ()})
    assert gone == {1, 2}
    assert (names(town), town.marked) == (["delta", "bravo", "echo"], {0, 3, 4})
    assert town.current is town.rows[3]
    town.undo_marks()
    assert town.marked == set()


def test_a_file_that_breaks_and_is_mended_is_told_once(town: Listing) -> None:
    file = Path("x/3.json")
    for _ in range(2):
        town.replace_files({file: (BrokenSpec(file, 1, "bad"),)})
    assert (len(town.broken), len(town.rows)) == (1, 4)
    town.replace_files({file: (spec("charlie", "x/3.json"),)})
    assert (len(town.broken), len(town.rows)) == (0, 5)


def test_a_video_that_changed_is_looked_at_again(town: Listing) -> None:
    town.add([replace(spec("film", "z.json"), video=Path("/v/a.mp4"))])
    town.take_plan(5, plan("film", 10))
    assert town.forget_plans({Path("/v/a.mp4"), Path("/v/b.mp4")}) == [town.rows[5]]
    assert (town.rows[5].plan, town.weighed) == (None, 3)


def test_the_latest_job_of_the_prompt_as_it_is_counts(town: Listing) -> None:
    place = (Path("x/3.json").absolute(), 0)
    assert not town.has_states
    assert town.take_jobs({place: LatestJob(7, "charlie", State.RUNNING)})
    assert (town.rows[2].state, town.has_states) == (State.RUNNING, True)
    town.take_jobs({place: LatestJob(3, "charlie", State.FAILED)})
    assert town.rows[2].state is State.RUNNING
    town.replace_files({Path("x/3.json"): (spec("charlie", "x/3.json", "edited"),)})
    assert town.rows[2].state is None


def test_jobs_that_are_known_before_their_spec_count_too() -> None:
    listing = Listing()
    assert not listing.take_jobs({(Path("x/3.json").absolute(), 0): LatestJob(7, "c", State.DONE)})
    listing.take_results({Path("r.json").absolute(): Path("a.json").absolute()})
    listing.add([spec("c", "x/3.json"), spec("r", "r.json")])
    assert (listing.rows[0].state, listing.rows[1].upsampled) == (State.DONE, True)
    listing.take_results({}, among={Path("r.json").absolute()})
    assert not listing.rows[1].upsampled


def test_a_result_is_listed_with_its_spec_until_the_filter_asks_for_it() -> None:
    listing = Listing()
    listing.add([spec("dusk", "a.json"), spec("dusk", "out/a.json"), spec("dawn", "out/b.json")])
    absolute = {Path(file).absolute(): Path(of).absolute() for file, of in RESULTS.items()}
    listing.take_results(absolute)
    listing.renew()
    # Of the other result, the spec is not listed.
    assert files(listing) == ["a.json", "out/b.json"]
    listing.set_filter("dusk")
    assert files(listing) == ["a.json"]
    listing.set_filter("dusk result:yes")
    assert files(listing) == ["out/a.json"]
    listing.set_filter("")
    listing.replace_files({Path("a.json"): ()})
    assert files(listing) == ["out/a.json", "out/b.json"]


def test_a_result_that_replaced_its_spec_stays() -> None:
    listing = Listing()
    listing.add([spec("dusk", "a.json")])
    listing.take_results({Path("a.json").absolute(): Path("a.json").absolute()})
    listing.renew()
    assert files(listing) == ["a.json"]


RESULTS = {"out/a.json": "a.json", "out/b.json": "b.json"}


def files(listing: Listing) -> list[str]:
    return [str(row.spec.file) for row in listing.shown_rows]


WORDS = st.lists(st.sampled_from(["a", "al", "alp", "-e", "fits:yes", "cl", "r"]), max_size=3)


@given(st.lists(WORDS, min_size=1, max_size=6), st.sampled_from(list(Column)), st.booleans())
def test_typing_on_shows_what_typing_at_once_does(
    typed: list[list[str]], column: Column, grouped: bool
) -> None:
    listings = []
    for texts in (typed, typed[-1:]):
        listing = Listing()
        listing.add(spec(name, f"{name[0]}/x.json") for name in ("alpha", "bravo", "charlie"))
        listing.take_plan(0, plan("alpha", 10))
        listing.set_order(SortOrder(column))
        listing.set_grouped(grouped)
        for text in texts:
            listing.set_filter(" ".join(text))
        listings.append((listing.shown, listing.lines, listing.similar))
    assert listings[0] == listings[1]
