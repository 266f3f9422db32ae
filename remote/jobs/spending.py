"""What answers cost by the prices in the box's settings, and the most that may be spent in a day."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from remote.engines import Usage
from remote.protocol import OpenAISetup, cost_of, money

DAY = 86_400.0
_NONE = Decimal(0)


class Spending:
    """The prices of one box and its limit. Without prices, nothing has a cost."""

    def __init__(self, setup: OpenAISetup | None = None) -> None:
        self._setup = setup
        self._limit = money(setup.spend_limit) if setup is not None else _NONE
        self._is_untold = False
        """Whether the server has answered without telling how many tokens that took."""

    def cost(self, usage: Usage | None) -> float | None:
        """Return what so many tokens cost; None without prices, or when the tokens are not known."""
        prices = self._setup
        if prices is None or usage is None:
            return None
        return cost_of(
            prices.price_in, prices.price_out, usage.prompt_tokens, usage.completion_tokens
        )

    def note_answer(self, cost: float | None) -> None:
        """The server has answered, for this cost. A limit cannot be kept by a server that does not tell."""
        self._is_untold = self._is_untold or cost is None

    def reason_to_stop(self, spent: Decimal) -> str:
        """Return why no further job may start; empty when one may. `spent` is what the last day has cost."""
        if not self._limit:
            return ""
        if self._is_untold:
            return (
                "the model server does not tell how many tokens its answers take, so that "
                "openai.spend_limit cannot be kept"
            )
        if spent < self._limit:
            return ""
        return f"openai.spend_limit of {self._limit:f} is reached: {spent:.4f} was spent in the last 24 hours"


class SpentLately:
    """Adds up what was spent in the last day."""

    def __init__(self) -> None:
        self._amounts: deque[tuple[float, Decimal]] = deque()
        """The Unix time and the amount of each cost."""
        self._total = _NONE

    def add(self, time: float, amount: Decimal) -> None:
        """Note a cost; costs come in the order of the journal."""
        if amount:
            self._amounts.append((time, amount))
            self._total += amount
            self._drop_before(time - DAY)

    def total(self, now: float) -> Decimal:
        """Return what was spent in the day before `now`."""
        self._drop_before(now - DAY)
        return self._total

    def _drop_before(self, time: float) -> None:
        while self._amounts and self._amounts[0][0] < time:
            self._total -= self._amounts.popleft()[1]
