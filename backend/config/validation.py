"""Turns a validation error of pydantic into a sentence that names the key."""

from __future__ import annotations

from pydantic import ValidationError


def unknown_key(error: ValidationError) -> str:
    """Return the key that the first error is about, if it is one that nobody knows; empty otherwise."""
    first = error.errors(include_url=False)[0]
    return ".".join(map(str, first["loc"])) if first["type"] == "extra_forbidden" else ""


def first_complaint(error: ValidationError) -> str:
    """Describe the first error: "upsampling.reserve = 0: input should be greater than …"."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{key} is no setting"
    if first["type"] == "missing":
        return f"{key} is missing"
    if first["type"] in ("model_type", "dict_type"):
        return f"{key} = {repr(first['input'])[:80]}: it is a table, not a value"
    if first["type"] == "list_type":
        return f'{key} = {repr(first["input"])[:80]}: it is a list, as in ["one", "two"]'
    message = first["msg"].removeprefix("Value error, ")
    return f"{key} = {repr(first['input'])[:80]}: {message[:1].lower()}{message[1:]}"
