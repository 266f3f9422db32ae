"""Defines what a user can think of a result: a rating of one to five, and a note."""

from __future__ import annotations

from dataclasses import dataclass

MOST_STARS = 5
"""The best rating; the worst is 1."""


@dataclass(frozen=True, slots=True)
class Rating:
    """What the user thinks of a result."""

    stars: int = 0
    """1 to MOST_STARS; 0 for a result that is not rated."""
    note: str = ""
    """The user's own words; empty for none."""


UNRATED = Rating()
