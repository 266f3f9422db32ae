"""What a lint looks at, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from backend.generation import Generation


class LintKind(StrEnum):
    """What may be wrong; the value is the word that users read and filter by."""

    CUT_OFF = "cut off"
    REPETITION = "repetition"
    LOST = "lost words"
    META = "meta phrase"
    CONTROL = "control-video word"
    REFUSAL = "refusal"
    LONG = "too long"
    DUPLICATE = "near-duplicate"
    EMPTY = "empty field"
    TIME = "time outside"
    SUBJECTS = "subject count"
    CONTRADICTION = "contradiction"


class Span(NamedTuple):
    """A part of the answer, in characters: from `start` up to and without `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A prompt and what the model made of it."""

    prompt: str
    """As the spec has it."""
    answer: str
    finish_reason: str
    """"length" when it was cut off at max_tokens."""
    language: str = ""
    """The language that was asked for; "" where that was left open."""
    generation: Generation | None = None
    """What is to be made of it; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Lint:
    """Something to look at."""

    kind: LintKind
    message: str
    """One sentence without a period. Quotes the answer or the prompt: data from outside."""
    spans: tuple[Span, ...] = ()
    """Where in the answer; empty when it is about all of it, or about what is missing."""
