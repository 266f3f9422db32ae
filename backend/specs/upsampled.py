"""Recognises prompts that were upsampled already: a JSON object in words, as Cosmos 3 takes it."""

from __future__ import annotations

import json
import re

from remote.protocol import Json

_FENCE = re.compile(r"\A```(?:json|JSON)?[ \t]*\r?\n(.*)\n```\Z", re.DOTALL)


def is_json_object(prompt: str) -> bool:
    """Whether a prompt is a JSON object, perhaps in a fence of three backquotes."""
    return json_object_in(prompt) is not None


def json_object_in(prompt: str) -> dict[str, Json] | None:
    """Return the JSON object that a prompt is, perhaps in a fence of three backquotes; else None."""
    text = prompt.strip()
    fenced = _FENCE.match(text)
    text = fenced[1].strip() if fenced else text
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
