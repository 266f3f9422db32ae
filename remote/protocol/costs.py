"""Amounts of money. They are decimal numbers; as messages carry floats, each is read as it is printed."""

from __future__ import annotations

from decimal import Decimal

_MILLION = Decimal(1_000_000)


def money(amount: float) -> Decimal:
    """Return the decimal number that a person sees in the float: 0.1 is one tenth."""
    return Decimal(repr(float(amount)))


def cost_of(
    price_in: float, price_out: float, prompt_tokens: int, completion_tokens: int
) -> float | None:
    """Return what so many tokens cost by these prices of a million; None when there are no prices."""
    if not (price_in or price_out):
        return None
    cost = money(price_in) * prompt_tokens + money(price_out) * completion_tokens
    return float(cost / _MILLION)
