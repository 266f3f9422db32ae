"""Plans that are equal but for their prompts, kept once: of a million rows of a table most are."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backend.planning.plan import Plan

_MOST_KNOWN = 4_096
"""How many different plans are looked among. Where each row has a video of its own, all are different."""


class SharedPlans:
    """Finds the plan that is kept for all that are equal but for their prompts."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Plan] = {}

    def without_prompt(self, plan: Plan) -> Plan:
        """Return the plan with an empty prompt, the same object for equal ones."""
        # Errors are equal only to themselves, so that what they say stands for them.
        alike = replace(plan, prompt="", refusal=None), type(plan.refusal), str(plan.refusal)
        known = self._known.get(alike)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[alike] = replace(plan, prompt="")
        return known
