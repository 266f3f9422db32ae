"""Splits a ProxyCommand into the words of a program and its arguments.

OpenSSH hands the command to a shell. Here it gets none, so that a name can never become a command; quotes,
`~` and variables mean what they mean to a shell, and what only a shell can do is refused in words.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from backend.box.ssh_config.tokens import expand

_PIECE = re.compile(
    r"""(?P<blank>\s+)
    |(?P<single>'[^']*')
    |(?P<double>"(?:[^"\\]|\\.)*")
    |(?P<escape>\\.)
    |(?P<quiet>2>\s*/dev/null(?!\S))
    |(?P<variable>\$(?:\w+|\{\w+\}))
    |(?P<text>\$(?![\w({'"])|[^\s'"\\;&|<>()`$]+)
    |(?P<shell>.)""",
    re.VERBOSE | re.DOTALL,
)
_IN_QUOTES = re.compile(r"\\([$`\"\\])|(\$(?:\w+|\{\w+\}))|(`|\$[({])", re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)


def split_command(command: str, tokens: Mapping[str, str]) -> list[str]:
    """Return the program and its arguments. Raises ValueError where only a shell could run the command."""
    words = _Words(tokens)
    for found in _PIECE.finditer(command):
        kind, text = str(found.lastgroup), found[0]
        if kind == "text" and text.startswith("#") and words.is_between:
            break  # a comment
        if kind == "shell" or (kind == "quiet" and not words.is_between):
            raise ValueError(
                f"{text[0]} in `{command}` is for a shell, and no shell runs it here: put the command "
                "into a script, and name that"
            )
        words.add(kind, text)
    words.end()
    found_words = words.words[1:] if words.words[:1] == ["exec"] else words.words
    if not found_words:
        raise ValueError("there is no command")
    return ["env", *found_words] if _ASSIGNMENT.fullmatch(found_words[0]) else found_words


class _Words:
    """Puts the pieces of a command together."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self.words: list[str] = []
        self._word: str | None = None
        self._tokens = tokens

    @property
    def is_between(self) -> bool:
        """Whether no word has begun."""
        return self._word is None

    def add(self, kind: str, text: str) -> None:
        match kind:
            case "blank" | "quiet":
                self.end()
            case "single":
                self._extend(expand(text[1:-1], self._tokens))
            case "double":
                self._extend(self._unquote(text[1:-1]))
            case "escape":
                self._extend(text[1])
            case "variable":
                self._split(_variable(text))
            case _:
                # `~` as text has no token in it: OpenSSH, too, expands the tokens first.
                expanded = expand(text, self._tokens)
                home = text.startswith("~") and self.is_between
                self._extend(os.path.expanduser(expanded) if home else expanded)  # noqa: PTH111

    def end(self) -> None:
        """End the word that has begun."""
        if self._word is not None:
            self.words.append(self._word)
        self._word = None

    def _extend(self, text: str) -> None:
        self._word = (self._word or "") + text

    def _split(self, value: str) -> None:
        """Add the value of a variable that stands outside quotes: its blanks separate words."""
        for piece in re.findall(r"\s+|\S+", value):
            if piece.isspace():
                self.end()
            else:
                self._extend(piece)

    def _unquote(self, text: str) -> str:
        result, position = "", 0
        for found in _IN_QUOTES.finditer(text):
            if found[3]:
                raise ValueError(f"{found[0]} is for a shell, and no shell runs it here")
            result += expand(text[position : found.start()], self._tokens)
            result += found[1] or _variable(found[2])
            position = found.end()
        return result + expand(text[position:], self._tokens)


def _variable(text: str) -> str:
    """Return the value of `$NAME` or `${NAME}`; empty where it is not set, as for a shell."""
    return os.environ.get(text.strip("${}"), "")
