"""Fills values into the sentences of `troubles.toml`.

{name} is replaced by a value. [A|B|C] is replaced by the first alternative whose values are all known, or by
nothing. Alternatives are not nested.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")

UNKNOWN = "…"
"""Replaces an unknown value outside of alternatives."""


def fill(sentence: str, values: Mapping[str, str]) -> str:
    """Choose the alternatives of `sentence`, and fill in its values."""
    # One pass, so that a value that looks like a placeholder is not replaced again.
    parts = _CHOICE.split(sentence)
    # Every second part of the result of `split` was in brackets.
    parts[1::2] = [_choose(part, values) for part in parts[1::2]]
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], UNKNOWN), "".join(parts))


def placeholders(sentence: str) -> set[str]:
    """Return the names of all values that `sentence` can use."""
    return set(_PLACEHOLDER.findall(sentence))


def _choose(alternatives: str, values: Mapping[str, str]) -> str:
    for alternative in alternatives.split("|"):
        if placeholders(alternative) <= values.keys():
            return alternative
    return ""
