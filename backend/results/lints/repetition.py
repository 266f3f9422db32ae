"""Answers that go round in circles."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from backend.results.lints.finding import Answered, Lint, LintKind, Span

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_RUNS = ((8, 1), (4, 3))
"""Words in a row, and how often they may come; shorter turns of phrase recur in good prose, too."""


def repetition(answered: Answered) -> Iterator[Lint]:
    """The same words come again and again."""
    words = list(_WORD.finditer(answered.answer))
    lowered = [word[0].casefold() for word in words]
    for length, most in _RUNS:
        places = _recurring(lowered, length, most)
        if places:
            said = " ".join(lowered[places[0] : places[0] + length])
            spans = tuple(
                Span(words[place].start(), words[place + length - 1].end()) for place in places
            )
            yield Lint(LintKind.REPETITION, f'"{said}" comes {len(places)} times', spans)
            return


def _recurring(words: Sequence[str], length: int, most: int) -> list[int]:
    """Where the first run that comes more than `most` times stands, overlaps not counted."""
    places: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for start in range(len(words) - length + 1):
        run = places[tuple(words[start : start + length])]
        if not run or start >= run[-1] + length:
            run.append(start)
    return next((found for found in places.values() if len(found) > most), [])
