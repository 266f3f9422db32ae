"""Splits the lines of an ssh config into words, and matches names with its patterns.

The rules are OpenSSH's: a keyword, then blanks or one `=`, then words with quotes, and a comment.
"""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

_KEYWORD = re.compile(r'\s*(?:"([^"]*)"|([^\s"=]+))\s*(?:=\s*)?(.*)', re.DOTALL)
_ESCAPED = "'\"\\"


def read_lines(file: Path) -> list[str]:
    """Return the lines of a config file. Bytes that are not UTF-8 are kept as surrogates. Raises OSError."""
    return file.read_bytes().decode("utf-8", "surrogateescape").split("\n")


def split_line(line: str) -> tuple[str, str]:
    """Return the keyword in lower case and the rest of the line; two empty strings where there is neither."""
    found = _KEYWORD.fullmatch(line.rstrip(" \t\r\n\f"))
    if not found or line.lstrip().startswith("#"):
        return "", ""
    return (found[1] or found[2] or "").lower(), found[3]


def split_words(text: str) -> list[str]:
    """Split the rest of a line into words, up to a comment. Raises ValueError for a quote without its end."""
    words: list[str] = []
    position = 0
    while (position := _skip_blanks(text, position)) < len(text) and text[position] != "#":
        word, position = _read_word(text, position)
        words.append(word)
    return words


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t":
        position += 1
    return position


def _read_word(text: str, position: int) -> tuple[str, int]:
    word, quote = "", ""
    while position < len(text):
        letter, following = text[position], text[position + 1 : position + 2]
        if (
            letter == "\\"
            and following
            and (following in _ESCAPED or (following == " " and not quote))
        ):
            word += following
            position += 1
        elif not quote and letter in " \t":
            break
        elif not quote and letter in "'\"":
            quote = letter
        elif letter == quote:
            quote = ""
        else:
            word += letter
        position += 1
    if quote:
        raise ValueError(f"the quote {quote} has no end")
    return word, position


def matches(name: str, pattern: str) -> bool:
    """Whether the name matches one pattern, in which only `*` and `?` are special."""
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def matches_list(name: str, patterns: str) -> bool:
    """Whether the name matches a list with commas. A pattern with `!` that matches excludes the name."""
    chosen = False
    for pattern in patterns.split(","):
        if pattern.startswith("!"):
            if matches(name, pattern[1:]):
                return False
        elif matches(name, pattern):
            chosen = True
    return chosen
