"""The sentences of `troubles.toml`, with what is known put in.

{name} stands for a value. [A|B|C] is the first alternative whose values are all known; when none is, it is
nothing. Alternatives are not nested.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")

UNKNOWN = "…"
"""Stands where a value outside of alternatives is not known."""


def fill(sentence: str, values: Mapping[str, str]) -> str:
    """`sentence` with its alternatives chosen and its values put in."""
    # One pass over the template: a value that looks like a placeholder is never read as one.
    parts = _CHOICE.split(sentence)
    # Of what `split` gives, every second part stood in brackets.
    parts[1::2] = [_choose(part, values) for part in parts[1::2]]
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], UNKNOWN), "".join(parts))


def placeholders(sentence: str) -> set[str]:
    """The names of all values that `sentence` can use."""
    return set(_PLACEHOLDER.findall(sentence))


def _choose(alternatives: str, values: Mapping[str, str]) -> str:
    for alternative in alternatives.split("|"):
        if placeholders(alternative) <= values.keys():
            return alternative
    return ""
