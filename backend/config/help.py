"""What each setting is for: the comments of the shipped config.toml, which is the one place for them."""

from __future__ import annotations

import re
from functools import cache

from backend.config import shipped_text

_TABLE = re.compile(r"\[([a-z_.]+)\]")
_KEY = re.compile(r"([a-z_]+) = ")


@cache
def help_texts() -> dict[str, str]:
    """By dotted key ("upsampling.reserve", "box_defaults.vllm.env"): its comment, on one line."""
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
