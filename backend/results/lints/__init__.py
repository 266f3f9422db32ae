"""What to look at twice in an upsampled prompt. Lints point; they change and refuse nothing.

Each lint is a function in a file of its own: prompt and answer in, findings out, no other knowledge.
"""

from collections.abc import Callable, Iterator

from backend.results.lints.duplicates import near_duplicates
from backend.results.lints.finding import Answered, Lint, LintKind, Span
from backend.results.lints.length import cut_off, too_long
from backend.results.lints.lost_words import lost_words
from backend.results.lints.phrases import control_words, meta_phrases, refusal
from backend.results.lints.repetition import repetition

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
    """Return what may be wrong with this answer, the gravest first."""
    return [found for look in _LINTS for found in look(answered)]
