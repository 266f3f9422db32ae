"""Amounts of money. They are decimal numbers; as messages carry floats, each is read as it is printed."""

from __future__ import annotations

from decimal import Decimal

from remote.protocol.jobs import OpenAISetup

_MILLION = Decimal(1_000_000)


def money(amount: float) -> Decimal:
    """Return the decimal number that a person sees in the float: 0.1 is one tenth."""
    return Decimal(repr(float(amount)))


def cost_of(setup: OpenAISetup, prompt_tokens: int, completion_tokens: int) -> float | None:
    """Return what so many tokens cost by the prices of the setup; None when it has none."""
    if not (setup.price_in or setup.price_out):
        return None
    cost = money(setup.price_in) * prompt_tokens + money(setup.price_out) * completion_tokens
    return float(cost / _MILLION)
