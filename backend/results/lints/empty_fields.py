"""Fields of a JSON prompt that say nothing."""

from __future__ import annotations

from collections.abc import Iterator

from backend.results.lints.finding import Answered, Lint, LintKind
from backend.specs.quoting import printable
from backend.specs.upsampled import json_object_in
from remote.protocol import Json

_MOST_NAMED = 3
"""How many fields a lint names."""


def empty_fields(answered: Answered) -> Iterator[Lint]:
    """A field has no value, or one that is empty: the model that reads the object learns nothing from it."""
    whole = json_object_in(answered.answer)
    empty = [] if whole is None else list(_empty(whole))
    if empty:
        named = ", ".join(printable(place) for place in empty[:_MOST_NAMED])
        more = f" and {len(empty) - _MOST_NAMED} more" if len(empty) > _MOST_NAMED else ""
        yield Lint(LintKind.EMPTY, f"Empty: {named}{more}")


def _empty(whole: Json) -> Iterator[str]:
    """Yield the places of empty values, as in "subjects/0/pose"."""
    # A model may nest its answer as deeply as Python can read, which leaves nothing for a recursion.
    left: list[tuple[str, Json]] = [("", whole)]
    while left:
        place, value = left.pop()
        if value is None or (isinstance(value, str) and not value.strip()) or value in ([], {}):
            yield place or "the object"
        elif isinstance(value, dict):
            left += [(f"{place}/{key}".lstrip("/"), value[key]) for key in reversed(value)]
        elif isinstance(value, list):
            left += [(f"{place}/{n}", value[n]) for n in reversed(range(len(value)))]
