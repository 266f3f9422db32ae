"""What a plan comes to, as glyph + word + colour: the three always stand together."""

from __future__ import annotations

from enum import Enum

from backend.planning.plan import Plan
from backend.tokens import Verdict


class Standing(Enum):
    """Where a spec stands. The name in lower case is the last part of its style's name."""

    WAITING = ("·", "weighing")
    FITS = ("✓", "fits")
    NEAR = ("~", "near")
    EXCEEDS = ("✗", "exceeds")
    REFUSED = ("✗", "refused")
    """For another reason than tokens: no such video, larger than the greatest resolution."""

    @property
    def text(self) -> str:
        """Glyph and word."""
        return " ".join(self.value)

    @property
    def colour(self) -> str:
        """The theme's colour of it."""
        return _COLOURS[self]


_COLOURS = {
    Standing.WAITING: "$foreground-muted",
    Standing.FITS: "$text-success",
    Standing.NEAR: "$text-warning",
    Standing.EXCEEDS: "$text-error",
    Standing.REFUSED: "$text-error",
}

_BY_VERDICT = {Verdict.FITS: Standing.FITS, Verdict.NEAR: Standing.NEAR}


def standing(plan: Plan | None) -> Standing:
    """Where the spec of this plan stands; None is a plan that is still to be made."""
    if plan is None:
        return Standing.WAITING
    if plan.refusal is not None or plan.budget is None:
        exceeds = plan.budget is not None and not plan.budget.fits
        return Standing.EXCEEDS if exceeds else Standing.REFUSED
    return _BY_VERDICT.get(plan.budget.verdict, Standing.EXCEEDS)
