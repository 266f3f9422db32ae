"""What to look at twice in an upsampled prompt. Lints point; they change and refuse nothing.

Each lint is a function in a file of its own: prompt and answer in, findings out, no other knowledge.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from backend.results.lints.duplicates import near_duplicates
from backend.results.lints.empty_fields import empty_fields
from backend.results.lints.finding import Answered, Lint, LintKind, Span
from backend.results.lints.length import cut_off, too_long
from backend.results.lints.lost_words import lost_words
from backend.results.lints.phrases import control_words, meta_phrases, refusal
from backend.results.lints.repetition import repetition
from backend.specs.json_prompts import said_in

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


def lint(answered: Answered) -> list[Lint]:
    """Return what may be wrong with this answer, the gravest first.

    Of a JSON object, the values are looked at, and whether there are any. Their lints have no spans.
    """
    said = said_in(answered.answer)
    if said == [answered.answer]:
        return [found for look in _LINTS for found in look(answered)]
    # The parts of an object say the same things in turn, and its readers take more than Transfer1's encoder.
    found: list[Lint] = []
    for look in _LINTS:
        parts = said if look is repetition else [] if look is too_long else ["\n".join(said)]
        lints = [it for part in parts for it in look(replace(answered, answer=part))]
        found += lints[:1] if look is repetition else lints
    found += empty_fields(answered)
    return [replace(it, spans=()) for it in found]
