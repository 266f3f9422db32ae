"""Fields of a JSON prompt that say nothing."""

from __future__ import annotations

from collections.abc import Iterator

from backend.results.lints.finding import Answered, Lint, LintKind
from backend.specs.quoting import printable
from remote.protocol import Json

_MOST_NAMED = 3
"""How many fields a lint names."""


def empty_fields(_: Answered, whole: dict[str, Json]) -> Iterator[Lint]:
    """A field of the object has no value, or an empty one, which tells a model nothing."""
    empty = _empty(whole)
    if empty:
        named = ", ".join(printable(key) for key in empty[:_MOST_NAMED])
        more = f" and {len(empty) - _MOST_NAMED} more" if len(empty) > _MOST_NAMED else ""
        yield Lint(LintKind.EMPTY, f"Empty: {named}{more}")


def _empty(whole: dict[str, Json]) -> list[str]:
    """Return the keys of the object itself that have no value.

    Deeper down, an empty one may well be meant: a crane has no clothing. And an empty list says that there is
    none: most videos have no signs and no transitions.
    """
    return [key for key, value in whole.items() if _says_nothing(value)]


def _says_nothing(value: Json) -> bool:
    return value is None or value == {} or (isinstance(value, str) and not value.strip())
