"""What a user can decide about a result, and what is kept of a decision."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Decision(StrEnum):
    """How a result stands with its user; the value is the word that is shown."""

    UNDECIDED = "undecided"
    ACCEPTED = "accepted"
    EDITED = "edited"
    """Accepted with a text of the user's own."""
    REJECTED = "rejected"

    @property
    def is_wanted(self) -> bool:
        """Whether it belongs into a file."""
        return self in (Decision.ACCEPTED, Decision.EDITED)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision about one job."""

    number: int
    """Counts up."""
    step: int
    """Decisions of one step are taken back together."""
    job: int
    decision: Decision
    """Never UNDECIDED: that is the lack of a decision."""
    text: str | None
    """The user's own text when EDITED."""
    asked: int
    """As `Job.asked`: of the results for one place, the one asked for or accepted last counts."""
    time: float
    """Unix time."""
