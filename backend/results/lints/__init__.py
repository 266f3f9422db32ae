"""Finds what may be wrong in an upsampled prompt. Lints point; they change and refuse nothing.

Each lint is a function in a file of its own: prompt and answer in, findings out, no other knowledge. Those of
a JSON prompt are given the object, too.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from backend.results.lints.contradictions import contradictions
from backend.results.lints.duplicates import near_duplicates
from backend.results.lints.empty_fields import empty_fields
from backend.results.lints.finding import Answered, Lint, LintKind, Span
from backend.results.lints.length import cut_off, too_long
from backend.results.lints.lost_words import lost_words
from backend.results.lints.phrases import control_words, meta_phrases, refusal
from backend.results.lints.repetition import repetition
from backend.results.lints.subject_counts import subject_counts
from backend.results.lints.times import times_outside
from backend.specs.json_prompts import said_in
from backend.specs.upsampled import json_object_in
from remote.protocol import Json

__all__ = ["Answered", "Lint", "LintKind", "Span", "lint", "near_duplicates"]

# The gravest first.
_LINTS: tuple[Callable[[Answered], Iterator[Lint]], ...] = (
    refusal,
    cut_off,
    repetition,
    lost_words,
    meta_phrases,
    control_words,
    too_long,
)
_OBJECT_LINTS: tuple[Callable[[Answered, dict[str, Json]], Iterator[Lint]], ...] = (
    times_outside,
    contradictions,
    subject_counts,
    empty_fields,
)
"""What looks at a JSON object as a whole."""


def lint(answered: Answered) -> list[Lint]:
    """Return what may be wrong with this answer, the gravest first.

    Of a JSON object, the values are looked at, and how they go together. Their lints have no spans.
    """
    whole = json_object_in(answered.answer)
    if whole is None:
        return [found for look in _LINTS for found in look(answered)]
    # The parts of an object say the same things in turn, and its readers take more than Transfer1's encoder.
    said = said_in(answered.answer)
    found: list[Lint] = []
    for look in _LINTS:
        parts = said if look is repetition else [] if look is too_long else ["\n".join(said)]
        lints = [it for part in parts for it in look(replace(answered, answer=part))]
        found += lints[:1] if look is repetition else lints
    found += (it for look_at in _OBJECT_LINTS for it in look_at(answered, whole))
    return [replace(it, spans=()) for it in found]
