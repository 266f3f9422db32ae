"""What a batch costs at most at a hosted model server, by the prices in the settings of its box."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from backend.config import BoxSettings, EngineName, load_profile
from backend.planning.plan import Plan
from remote.protocol import cost_of, money


@dataclass(frozen=True, slots=True)
class MostCost:
    """The most that a batch costs, if no attempt fails: each answer may be as long as `reserve` allows."""

    requests: int
    prompt_tokens: int
    answer_tokens: int
    amount: float
    to_fetch: int
    """Further requests, whose media must be fetched first, so that nobody knows yet what they cost."""
    draws: int = 1
    """How often an answer is drawn at most, where a profile wants JSON."""

    @property
    def words(self) -> str:
        """The cost and what it is for, as a part of a sentence."""
        more = f", without {self.to_fetch:,} with media to be fetched" if self.to_fetch else ""
        requests = "1 request" if self.requests == 1 else f"{self.requests:,} requests"
        again = drawn_again(self.draws)
        return (
            f"at most {cost_text(self.amount)} for {requests} "
            f"({self.prompt_tokens:,} tokens to read, {self.answer_tokens:,} to write){more}{again}"
        )


def token_cost(box: BoxSettings, prompt_tokens: int, answer_tokens: int) -> float | None:
    """Return what so many tokens cost on this box; None when its settings have no prices."""
    if box.answering is not EngineName.OPENAI:
        return None
    prices = box.openai
    return cost_of(prices.price_in, prices.price_out, prompt_tokens, answer_tokens)


def most_cost(plans: Iterable[tuple[Plan, int]], box: BoxSettings) -> MostCost | None:
    """Return what these plans cost at most, each as often as its number says; None without prices."""
    requests = prompt_tokens = answer_tokens = to_fetch = 0
    profiles: set[str] = set()
    for plan, times in plans:
        if plan.to_fetch:
            to_fetch += times
        elif plan.budget is not None and plan.refusal is None:
            requests += times
            profiles.add(plan.profile)
            prompt_tokens += plan.budget.prompt_tokens * times
            answer_tokens += plan.budget.reserve * times
    amount = token_cost(box, prompt_tokens, answer_tokens)
    return (
        None
        if amount is None
        else MostCost(
            requests, prompt_tokens, answer_tokens, amount, to_fetch, most_draws(profiles)
        )
    )


def most_draws(profiles: Iterable[str]) -> int:
    """Return how often an answer is drawn at most under one of these profiles. Raises ConfigError."""
    rules = (load_profile(name).answer for name in profiles if name)
    return max((it.draws for it in rules if it.format == "json"), default=1)


def drawn_again(draws: int) -> str:
    """Return what to say of a cost where answers may be drawn so often; empty for once."""
    return f", and up to {draws} times that where answers are drawn again" if draws > 1 else ""


def cost_text(amount: float | Decimal) -> str:
    """Write an amount in the currency of the prices, to the cent; small amounts to the hundredth of one."""
    exact = amount if isinstance(amount, Decimal) else money(amount)
    if exact >= 1:
        return f"{exact:,.2f}"
    return "less than 0.0001" if 0 < exact < Decimal("0.0001") else f"{exact:.4f}"
