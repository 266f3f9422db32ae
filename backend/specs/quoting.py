"""Names, paths and values from files, made fit for a one-line message.

They are data: a control character, a terminal escape or half a surrogate pair in them must neither
reach a screen nor stop a message from being encoded.
"""

from __future__ import annotations

import json
import re

from remote.protocol import Json
from remote.protocol import well_formed as well_formed  # with the others of its kind

LONGEST_QUOTE = 60
"""Characters of a foreign text that a message shows."""

# Controls except tab and line ends, and what changes the direction of the text around it.
_STEERING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")
_RAW_IN_JSON = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What JSON may hold as it is, and a terminal or an editor should not."""


def quoted(text: str) -> str:
    """`text` in quotes, cut if long, with everything escaped that does not print."""
    if len(text) > LONGEST_QUOTE:
        text = text[: LONGEST_QUOTE - 1] + "…"
    return repr(text)


def printable(text: str) -> str:
    """`text` whole and without quotes, with everything escaped that does not print."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def without_controls(text: str) -> str:
    """`text` of several lines without what steers a terminal or turns text around, such as an escape.

    For text that leaves us as it is, into a clipboard or a prompt.
    """
    return _STEERING.sub("", text)


def json_spelled(value: Json, indent: str | int | None = None, compact: bool = False) -> str:
    """`value` as JSON for a file that people look at: characters as they are, if they draw themselves.

    Halves of surrogate pairs, which no file can hold, become U+FFFD.
    """
    separators = (",", ":") if compact else None
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
    return well_formed(_RAW_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def kind_of(value: Json) -> str:
    """What JSON calls `value`, for "must be text, not …"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "an object"
