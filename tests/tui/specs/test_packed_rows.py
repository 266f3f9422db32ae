"""Rows of tables, whose specs the list packs: they do what other rows do, and take little memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from backend.catalog.filter import haystack_of
from backend.errors import MediaError
from backend.planning.history import LatestJob
from backend.planning.plan import Plan
from backend.specs.model import UNSAID, Spec, SpecFormat, Target
from backend.store import State
from backend.tokens import Budget
from tui.specs.listing import Listing
from tui.specs.packed_rows import PackedRow
from tui.specs.planning import PlanQueue
from tui.specs.rows import Column, HeldRow, SortOrder

FILE = Path("tables/rows.csv")
PLACE = FILE.absolute()


def row(entry: int, name: str, prompt: str, video: str | None = None) -> Spec:
    path = Path(video) if video else None
    return Spec(SpecFormat.TABLE, FILE, entry, entry + 2, name, prompt, path)


SPECS = (
    row(0, "a", "Rain at night", "clips/1.mp4"),
    replace(row(1, "b", '{"a": 1}', "clips/2.mp4"), is_upsampled=True, written_prompt="Longer"),
    row(3, "two\nlines", " Straße 日本 🌧 ", "https:/example.org/a%2Fb.mp4?c=d"),
    row(4, "no video", "fog"),
    row(5, "c", "", "clips/half \udcff of bytes.mp4"),
    row(6, "", "rain"),
)


def plan(prompt: str, tokens: int = 10) -> Plan:
    return Plan(prompt, None, None, 0, Budget(1000, 10, tokens, 0), 0, None)


def test_a_packed_spec_comes_out_as_it_was() -> None:
    listing = Listing()
    rows = listing.add(SPECS)
    assert all(isinstance(row, PackedRow) for row in rows)
    assert tuple(row.spec for row in rows) == SPECS
    for row, held in zip(rows, map(HeldRow, SPECS), strict=True):
        assert row.haystack == held.haystack == haystack_of(held.spec)
        assert (row.prompt, row.video, row.place) == (held.prompt, held.video, held.place)
        assert row.kind == held.kind
        assert (row.bookmark, row.upsampled) == (held.bookmark, held.upsampled)
        assert [row.is_at(other.bookmark) for other in rows].count(True) == 1


@pytest.mark.parametrize(
    "spec",
    [
        replace(SPECS[0], format=SpecFormat.TEXT),
        replace(SPECS[0], controls={"edge": Path("e.mp4")}),
        replace(SPECS[0], target=Target(fps=24)),
        replace(SPECS[0], prompt_file=Path("p.txt")),
    ],
)
def test_a_spec_that_says_more_than_a_table_can_is_held(spec: Spec) -> None:
    assert spec.target is UNSAID or spec.target.fps
    (row,) = Listing().add([spec])
    assert isinstance(row, HeldRow)
    assert row.spec is spec


@pytest.mark.parametrize("column", Column)
def test_packed_and_held_rows_are_filtered_sorted_and_marked_alike(column: Column) -> None:
    packed, held = Listing(), Listing()
    packed.add(SPECS)
    held.add([replace(spec, format=SpecFormat.TEXT) for spec in SPECS])
    for listing in (packed, held):
        listing.take_plan(0, plan("Rain at night", 30))
        listing.take_plan(3, plan("fog", 20))
        listing.take_plan(4, plan("what it said before", 20))
        listing.take_jobs({(PLACE, 4): LatestJob(1, "fog", State.DONE)})
        listing.set_order(SortOrder(column, descending=True))
    assert packed.weighed == held.weighed == 2
    assert packed.shown == held.shown
    for text in ("rain", "STRASSE", "-rain", "state:done", "fits:yes", "upsampled:yes", "lines"):
        for listing in (packed, held):
            listing.set_filter(text)
            listing.toggle_all()
        assert packed.shown == held.shown
        assert packed.shown, text
        assert packed.marked == held.marked


def test_a_table_that_changed_keeps_plans_jobs_and_marks() -> None:
    listing = Listing()
    listing.add(SPECS)
    for number in (0, 3):
        listing.take_plan(number, plan(SPECS[number].prompt))
    listing.take_jobs({(PLACE, 4): LatestJob(1, "fog", State.DONE)})
    listing.take_results({PLACE: PLACE})
    listing.move_to(3)
    listing.toggle_mark()
    new = (
        row(0, "new", "first of all"),
        replace(SPECS[0], entry=1, prompt="Rain by day"),
        *SPECS[2:4],
    )
    changed, gone = listing.replace_files({FILE: new})
    assert [row.spec for row in changed] == [new[1], new[0]]
    assert gone == {1, 4, 5}
    assert [listing.rows[number].spec for number in listing.shown] == list(new)
    fog = listing.rows[3]
    assert (fog.whole_plan, fog.state, fog.is_result) == (plan("fog"), State.DONE, True)
    assert (listing.marked, listing.weighed, len(listing.rows)) == ({3}, 1, 4)
    assert listing.current is not None
    assert listing.current.number == 3
    listing.replace_files({FILE: ()})
    assert (len(listing.rows), listing.weighed, list(listing.rows)) == (0, 0, [])


def test_equal_plans_are_kept_once() -> None:
    listing = Listing()
    listing.add(SPECS)
    for number in (0, 3, 4):
        problem = MediaError("no such file") if number else None
        listing.take_plan(number, replace(plan(SPECS[number].prompt), refusal=problem))
    plain, fog, empty = (listing.rows[number] for number in (0, 3, 4))
    assert plain.whole_plan == plan("Rain at night")
    assert fog.plan is empty.plan is not plain.plan
    assert fog.whole_plan is not None
    assert (fog.whole_plan.prompt, str(fog.whole_plan.refusal)) == ("fog", "no such file")


def test_the_plans_of_a_changed_video_are_forgotten() -> None:
    listing = Listing()
    listing.add(SPECS)
    listing.take_plan(0, plan(SPECS[0].prompt))
    (row,) = listing.forget_plans([Path("clips/1.mp4")])
    assert (row.number, row.plan, listing.weighed) == (0, None, 0)


def test_a_packed_spec_is_planned_even_after_its_table_is_gone() -> None:
    listing, queue = Listing(), PlanQueue()
    queue.add({row.number: row.source for row in listing.add(SPECS)})
    listing.replace_files({FILE: ()})
    taken = [item.spec for _ in SPECS if (item := queue.take(wait=False)) is not None]
    assert tuple(taken) == SPECS


def test_a_row_of_a_table_takes_little_more_than_its_text() -> None:
    count, listing = 2_000, Listing()
    prompt = "a car drives through the rain at night, for the {}th time"
    tracemalloc.start()
    try:
        listing.add(row(n, f"rows-{n}", prompt.format(n), f"clips/{n}.mp4") for n in range(count))
        assert tracemalloc.get_traced_memory()[0] / count < 260
    finally:
        tracemalloc.stop()
