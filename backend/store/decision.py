"""Defines which decisions a user can make about a result, and what is stored of a decision."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Decision(StrEnum):
    """What the user has decided about a result; the value is the word that is shown."""

    UNDECIDED = "undecided"
    ACCEPTED = "accepted"
    EDITED = "edited"
    """Accepted with a text of the user's own."""
    REJECTED = "rejected"

    @property
    def is_wanted(self) -> bool:
        """Whether the result is to be written to a file."""
        return self in (Decision.ACCEPTED, Decision.EDITED)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision about one job, as it is stored."""

    number: int
    """The decision's own number, which grows with each decision."""
    step: int
    """Decisions with the same step number are undone together."""
    job: int
    """The job's number."""
    decision: Decision
    """Never UNDECIDED, which means that there is no decision."""
    text: str | None
    """The user's own text when EDITED, else None."""
    asked: int
    """A number from the counter of `Job.asked`: of several results for one entry, the one that was requested
    or accepted last is written."""
    time: float
    """Unix time of the decision."""
