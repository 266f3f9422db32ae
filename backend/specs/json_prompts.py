"""Prompts that are one JSON object, as people read them: laid out in lines, and the words alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from backend.specs.upsampled import json_object_in
from remote.protocol import Json

LONGEST = 50_000
"""Characters that are laid out; what follows stays as it is. Prompts of the known models have 6 to 12 kB."""
_DEEPEST = 16
"""Levels that are indented. Deeper ones stand below the last of these, so that the text stays short."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\],:]|[^\s"{}\[\],:]+', re.DOTALL)
_BEGINNING = re.compile(r'(?:^|(?<=>))[ \t]*\{\s*(?:"|\Z)', re.MULTILINE)
"""Where an object begins: on a line of its own or after a tag, and with a key."""


def answer_lines(answer: str) -> str:
    """Return an answer for people to read while it is written: the JSON object in it, if any, laid out.

    Thoughts or the line of a fence may stand before the object.
    """
    found = _BEGINNING.search(answer[:LONGEST])
    return answer if found is None else answer[: found.start()] + lay_out(answer[found.start() :])


def prompt_lines(prompt: str) -> str:
    """Return a prompt for people to read: a JSON object laid out by `lay_out`, any other text as it is."""
    if len(prompt) > 2 * LONGEST or json_object_in(prompt) is None:
        return prompt
    return lay_out(prompt[prompt.index("{") : prompt.rindex("}") + 1])


def lay_out(text: str) -> str:
    """Return a JSON text, which need not be complete, with each key and each value on a line of its own.

    What follows it stays as it is. Nothing but white space and the spelling of letters changes: "\\u00f6" is
    shown as the letter that it is.
    """
    lines: list[str] = [""]
    depth = 0
    before = ""
    for found in _TOKEN.finditer(text[:LONGEST]):
        token = found[0]
        closes = token in ("}", "]")
        if closes:
            depth = max(0, depth - 1)
        opened = before in ("{", "[")
        if (closes and not opened) or (not closes and (opened or before == ",")):
            lines.append("  " * min(depth, _DEEPEST))
        if before == ":":
            lines[-1] += " "
        lines[-1] += _letters(token)
        if token in ("{", "["):
            depth += 1
        before = token
        if closes and not depth:
            return "\n".join(lines) + text[found.end() :]
    return "\n".join(lines) + text[LONGEST:]


def said_in(prompt: str) -> list[str]:
    """Return what a prompt says: the values of a JSON object one by one, any other text as it is."""
    value = json_object_in(prompt)
    return [prompt] if value is None else list(_values(value))


def _letters(token: str) -> str:
    """Return a text of JSON with its letters as they are; as it was, where it holds what does not print."""
    if "\\u" not in token:
        return token
    try:
        shown = json.dumps(json.loads(token), ensure_ascii=False)
    except ValueError:  # the text ends within it
        return token
    return shown if shown.isprintable() else token


def _values(whole: Json) -> Iterator[str]:
    # A model may nest its answer as deeply as Python can read, which leaves nothing for a recursion.
    left = [whole]
    while left:
        value = left.pop()
        if isinstance(value, (dict, list)):
            left += reversed(list(value.values()) if isinstance(value, dict) else value)
        elif value is not None:
            yield value if isinstance(value, str) else json.dumps(value)
