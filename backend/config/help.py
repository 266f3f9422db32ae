"""Reads the help text of each setting: the comments in the shipped config.toml."""

from __future__ import annotations

import re
from functools import cache

from backend.config import shipped_text

_TABLE = re.compile(r"\[([a-z_.]+)\]")
_KEY = re.compile(r"([a-z_]+) = ")


@cache
def help_texts() -> dict[str, str]:
    """Return the comment of each setting, on one line, by dotted key ("upsampling.reserve")."""
    texts: dict[str, str] = {}
    table, comment = "", list[str]()
    for line in shipped_text().splitlines():
        if line.startswith("#"):
            comment.append(line.removeprefix("#").strip())
        elif heading := _TABLE.match(line):
            table, comment = f"{heading[1]}.", []
        elif setting := _KEY.match(line):
            texts[table + setting[1]] = " ".join(comment)
            comment = []
        else:
            comment = []
    return texts
