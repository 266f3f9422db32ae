"""Bisection with a guess."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.limits.bisection import find_last


@given(st.data(), st.integers(0, 300))
async def test_the_last_one_that_is_accepted_is_found_whatever_the_guess(
    data: st.DataObject, count: int
) -> None:
    last = data.draw(st.integers(-1, count - 1))
    guess = data.draw(st.integers(-1, max(-1, count - 1)))
    asked: list[int] = []

    async def accepts(at: int) -> bool:
        asked.append(at)
        return at <= last

    assert await find_last(count, guess, accepts) == last
    assert len(set(asked)) == len(asked)
    assert len(asked) <= 2 + count.bit_length()
    if guess == last:
        assert len(asked) <= 2
