"""Makes text from files safe to show in a message.

Names, paths and values from files are data. A control character, a terminal escape or a lone surrogate in
them must not reach a screen, and must not stop a message from being encoded.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remote.protocol import Json

LONGEST_QUOTE = 60
"""Characters of a foreign text that a message shows."""

# Control characters except tab and line ends, and characters that change the direction of text.
_STEERING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")
_NOT_FOR_PAGES = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef"
    + "".join(
        f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x11_0000, 0x1_0000)
    )
    + "]|\r(?!\n)"
)
"""The same, and the code points that are no characters."""
_RAW_IN_JSON = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Characters that are valid in JSON, but harmful in a terminal or an editor."""
_ENCODER = json.JSONEncoder(ensure_ascii=False)
"""`json.dumps` makes a new one for each value, which takes longer than a short value itself."""


def quoted(text: str) -> str:
    """Return `text` in quotes, cut where it is long, with unprintable characters escaped."""
    if len(text) > LONGEST_QUOTE:
        text = text[: LONGEST_QUOTE - 1] + "…"
    return repr(text)


def printable(text: str) -> str:
    """Return the whole `text` without quotes, with unprintable characters escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def without_controls(text: str) -> str:
    """Remove the control characters of a text, except line ends and tabs.

    For text that is passed on unescaped, to a clipboard or into a prompt.
    """
    return _STEERING.sub("", text)


def with_visible_controls(text: str) -> str:
    """Return a text for a page, where only markup is escaped later.

    Characters that no page may contain, and those that change the direction of what follows, are spelled as
    escapes. Line ends, tabs and the joiners of letters and emoji stay.
    """
    from remote.protocol import well_formed  # `--help` does not wait for it

    return well_formed(
        _NOT_FOR_PAGES.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    )


def json_spelled(value: Json, indent: str | int | None = None, compact: bool = False) -> str:
    """Write `value` as JSON for a file that people read. Printable characters are not escaped.

    Lone surrogates, which no file can contain, become U+FFFD.
    """
    if indent is None and not compact:
        text = _ENCODER.encode(value)
        if text.isprintable():  # then nothing of the kinds below is in it
            return text
    else:
        separators = (",", ":") if compact else None
        text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
    from remote.protocol import well_formed

    return well_formed(_RAW_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def kind_of(value: Json) -> str:
    """Return the kind of a JSON value, for messages such as "must be text, not a list"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "an object"
