"""Names, paths and values from files, made fit for a one-line message.

They are data: a control character, a terminal escape or half a surrogate pair in them must neither
reach a screen nor stop a message from being encoded.
"""

from __future__ import annotations

from remote.protocol import Json

LONGEST_QUOTE = 60
"""Characters of a foreign text that a message shows."""


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


def well_formed(text: str) -> str:
    """`text` with U+FFFD for each half of a surrogate pair, so that it can be encoded."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


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
