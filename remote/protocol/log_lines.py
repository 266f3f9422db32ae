"""How a message is written in runner.log: nothing in the file steers the terminal of whoever prints it."""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
_LINE_CONTROLS = "\n\t"


def log_text(text: str) -> str:
    """Return the text without colours, and with every other character that does not print spelled out.

    Line feeds and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(map(_spelled, _COLOURS.sub("", text)))


def _spelled(char: str) -> str:
    if char.isprintable() or char in _LINE_CONTROLS:
        return char
    return char.encode("unicode_escape").decode("ascii")
