"""The list's columns: aligned whatever is in them, and giving way when there is no room."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from backend.planning.plan import Plan
from backend.specs.model import Spec
from tui.specs.columns import cells, headings, lay_out
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
