"""Narrows a profile's JSON schema to one clip: the model server then holds times to its length."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import cast

from backend.config.profiles.json_answer import clock
from remote.protocol import Json

_TIME = "clip-time"
"""The `format` of a text that says when something happens, as 0:00-0:03."""
_MOST_SECONDS = 16
"""The longest clip whose times are listed one by one, 136 of them; a longer one keeps the pattern."""


@lru_cache(maxsize=64)
def narrowed(schema: str, seconds: int) -> str:
    """Return the schema with its times listed for a clip of so many seconds; empty for an empty one.

    For an image or a long clip, the schema stays as it is, but for our own `format`, which others refuse.
    """
    if not schema:
        return ""
    listed = seconds if seconds <= _MOST_SECONDS else 0
    times: list[Json] = [
        f"{clock(begin)}-{clock(end)}"
        for begin in range(listed)
        for end in range(begin + 1, listed + 1)
    ]
    return json.dumps(_narrowed(json.loads(schema), times), separators=(",", ":"))


def _narrowed(shape: Json, times: list[Json]) -> Json:
    if isinstance(shape, list):
        return [_narrowed(part, times) for part in shape]
    if not isinstance(shape, dict):
        return shape
    if shape.get("format") == _TIME:
        return _time(shape, times)
    return {name: _narrowed(part, times) for name, part in shape.items()}


def _time(shape: Mapping[str, Json], times: list[Json]) -> Json:
    left_out = {"format", "pattern"} if times else {"format"}
    kept = {name: part for name, part in shape.items() if name not in left_out}
    return cast(Json, kept | ({"enum": times} if times else {}))
