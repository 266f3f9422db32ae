"""The reply of a box to one question."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReplyOutcome(StrEnum):
    """How a question ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """The prompt is too long for the context."""
    FAILED = "failed"
    """There was an error that says nothing about the size."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply of a box to one question."""

    outcome: ReplyOutcome
    prompt_tokens: int | None = None
    """The prompt tokens as the engine counted them; None when it gives no number."""
    engine: str = ""
    """The engine's name and version; empty when it gave no answer."""
    words: str = ""
    """The engine's error message; empty when it gave an answer."""
