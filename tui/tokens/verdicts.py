"""The verdict on a plan as glyph, word and colour. The three always stand together."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backend.planning.plan import Plan


class Standing(Enum):
    """The verdict on a spec. Each `Verdict` on tokens has the same name here. The name in lower case is the
    last part of the name of its style.
    """

    WAITING = ("·", "weighing")
    FITS = ("✓", "fits")
    NEAR = ("~", "near")
    EXCEEDS = ("✗", "exceeds")
    REFUSED = ("✗", "refused")
    """Refused for another reason than tokens: the video is missing, or larger than allowed."""
    FETCH = ("↓", "to fetch")
    """Its media must be fetched first, which happens when it is sent."""

    @property
    def text(self) -> str:
        return " ".join(self.value)

    @property
    def colour(self) -> str:
        """The theme's colour for it."""
        return _COLOURS[self]


_COLOURS = {
    Standing.WAITING: "$foreground-muted",
    Standing.FITS: "$text-success",
    Standing.NEAR: "$text-warning",
    Standing.EXCEEDS: "$text-error",
    Standing.REFUSED: "$text-error",
    Standing.FETCH: "$foreground-muted",
}


def standing(plan: Plan | None) -> Standing:
    """Return the verdict on a plan; None stands for a plan that is still to be made."""
    if plan is None:
        return Standing.WAITING
    if plan.to_fetch:
        return Standing.FETCH
    if plan.refusal is not None or plan.budget is None:
        exceeds = plan.budget is not None and not plan.budget.fits
        return Standing.EXCEEDS if exceeds else Standing.REFUSED
    return Standing[plan.budget.verdict.name]
