"""Bars tell their parts apart by glyphs, and lose none of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.tokens import Budget
from tui.tokens.budget_text import BEYOND, FREE, RESERVE, TEXT, VISION, budget_bar, small_bar

BUDGETS = st.builds(
    Budget,
    limit=st.integers(64, 200_000),
    reserve=st.integers(1, 5_000),
    text=st.integers(0, 50_000),
    vision=st.integers(0, 50_000),
)


@given(BUDGETS, st.integers(10, 80))
def test_bars_are_exactly_as_wide_as_asked(budget: Budget, width: int) -> None:
    assert len("".join(small_bar(budget, width))) == width
    parts = budget_bar(budget, width)
    assert sum(count for _, count in parts) == width
    assert all(count >= 0 for _, count in parts)


@given(BUDGETS, st.integers(10, 80))
def test_only_what_exceeds_the_limit_goes_beyond(budget: Budget, width: int) -> None:
    assert (BEYOND in "".join(small_bar(budget, width))) is not budget.fits
    assert (dict(budget_bar(budget, width)).get(BEYOND, 0) > 0) is not budget.fits


def test_a_part_of_few_tokens_is_still_seen() -> None:
    assert dict(budget_bar(Budget(4096, 300, 4, 3776), 40)) == {
        VISION: 36,
        TEXT: 1,
        RESERVE: 2,
        FREE: 1,
    }


def test_the_small_bar_counts_in_half_cells() -> None:
    assert small_bar(Budget(1000, 1, 0, 497), 8) == ("━━━━", "────")
    assert small_bar(Budget(1000, 1, 0, 560), 8) == ("━━━━╸", "───")
