"""All lints of one answer, the gravest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from backend.results.lints.finding import Answered, Lint
from backend.results.lints.length import cut_off, too_long
from backend.results.lints.lost_words import lost_words
from backend.results.lints.phrases import control_words, meta_phrases, refusal
from backend.results.lints.repetition import repetition

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
    """What may be wrong with this answer."""
    return [found for look in _LINTS for found in look(answered)]
