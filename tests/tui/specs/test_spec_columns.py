"""The list's columns: aligned whatever is in them, and giving way when there is no room."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len

from backend.planning.plan import Plan
from backend.specs.model import Mode, Spec, SpecFormat, Target
from tui.specs.columns import CHOOSABLE, cells, headings, lay_out
from tui.specs.planning import PromptPlanner
from tui.specs.rows import HeldRow, SortOrder


def line(row: HeldRow, width: int) -> str:
    return "".join(text for text, _ in cells(row, lay_out(width), marked=True, current=True))


@pytest.mark.parametrize("width", [56, 60, 79, 100, 127, 300])
def test_every_row_is_as_wide_as_the_headings(
    width: int, street: tuple[Spec, ...], planner: PromptPlanner
) -> None:
    assert cell_len(headings(lay_out(width), SortOrder())) == width
    for spec in street:
        assert cell_len(line(HeldRow(spec), width)) == width
        assert cell_len(line(HeldRow(spec, planner.plan_spec(spec)), width)) == width


def test_a_narrow_list_keeps_name_tokens_and_verdict(
    street: tuple[Spec, ...], planner: PromptPlanner
) -> None:
    row = HeldRow(street[0], planner.plan_spec(street[0]))
    assert line(row, 56).split() == ["▸■", "golden_hour", "1280×704", "3,784", "~", "near"]


def test_the_format_has_a_column_sooner_where_there_are_several() -> None:
    assert not lay_out(95).format
    mixed = lay_out(95, kinds=True)
    assert mixed.format
    assert lay_out(140).format
    assert cell_len(headings(mixed, SortOrder())) == 95


def test_names_have_their_room_before_the_columns_that_matter_less() -> None:
    assert lay_out(100).frames
    long = lay_out(100, longest_name=50)
    assert (long.name >= 36, long.frames, bool(long.send)) == (True, 0, True)


def test_the_format_is_told_with_its_mode(street: tuple[Spec, ...]) -> None:
    spec = replace(street[0], format=SpecFormat.COSMOS3, target=Target(Mode.IMAGE2VIDEO))
    assert "  cosmos3 i2v  " in line(HeldRow(spec), 140)
    transfer = replace(spec, format=SpecFormat.TRANSFER25, target=Target(Mode.TRANSFER))
    assert "  transfer2.5  " in line(HeldRow(transfer), 140)


@pytest.mark.parametrize("column", CHOOSABLE)
def test_a_hidden_column_leaves_its_room_to_the_others(column: str) -> None:
    shown = lay_out(160, states=True)
    hidden = lay_out(160, states=True, hidden={column})
    assert getattr(shown, column)
    assert not getattr(hidden, column)
    assert cell_len(headings(hidden, SortOrder())) == 160
    assert hidden.name >= shown.name


def test_a_name_is_left_when_everything_else_is_hidden(
    street: tuple[Spec, ...], planner: PromptPlanner
) -> None:
    columns = lay_out(60, hidden=CHOOSABLE)
    row = HeldRow(street[0], planner.plan_spec(street[0]))
    text = "".join(text for text, _ in cells(row, columns, marked=False, current=False))
    assert (text.strip(), cell_len(text)) == ("golden_hour", 60)


def test_a_wide_list_shows_everything(street: tuple[Spec, ...], planner: PromptPlanner) -> None:
    row = HeldRow(street[0], planner.plan_spec(street[0]))
    text = line(row, 120)
    for part in ("1280×704 → 928×510", "2/121", "3,784", "━━━", "~ near"):
        assert part in text


def test_a_size_that_stays_is_not_repeated(
    street: tuple[Spec, ...], planner: PromptPlanner
) -> None:
    row = HeldRow(street[1], planner.plan_spec(street[1]))
    assert "→" not in line(row, 120)


def test_a_spec_without_a_plan_waits(street: tuple[Spec, ...]) -> None:
    assert line(HeldRow(street[0]), 80).split() == ["▸■", "golden_hour", "·", "weighing"]


def test_a_spec_whose_media_must_be_fetched_says_so(street: tuple[Spec, ...]) -> None:
    to_fetch = Plan("", None, None, 0, None, 0, None, to_fetch=("https://media.example/a.mp4",))
    assert line(HeldRow(street[0], to_fetch), 80).split() == [
        "▸■",
        "golden_hour",
        "↓",
        "to",
        "fetch",
    ]
