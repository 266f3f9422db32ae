"""What a box said to one question."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReplyOutcome(StrEnum):
    """What became of a question."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """As too long for the context."""
    FAILED = "failed"
    """For another reason, which says nothing about the size."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a box said to a question."""

    outcome: ReplyOutcome
    prompt_tokens: int | None = None
    """As the engine counted them; None when it does not say."""
    engine: str = ""
    """Name and version; empty when it gave no answer."""
    words: str = ""
    """The engine's own, when it gave no answer."""
