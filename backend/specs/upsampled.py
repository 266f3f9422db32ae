"""Recognises prompts that were upsampled already: a JSON object in words, as Cosmos 3 takes it."""

from __future__ import annotations

import json
import re

_FENCE = re.compile(r"\A```(?:json|JSON)?[ \t]*\r?\n(.*)\n```\Z", re.DOTALL)


def is_json_object(prompt: str) -> bool:
    """Whether a prompt is a JSON object, perhaps in a fence of three backquotes."""
    text = prompt.strip()
    fenced = _FENCE.match(text)
    text = fenced[1].strip() if fenced else text
    if not (text.startswith("{") and text.endswith("}")):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
