"""The profile of a house whose answers must be JSON objects."""

from __future__ import annotations

import json
from pathlib import Path

NAME = "objects"
_PROFILE = """\
description = "answers are objects"
[template]
system = ""
user = "$prompt"
empty_prompt = ""
[sampling]
temperature = 0.7
[vision]
family = "qwen3-vl"
[serving]
format = "auto"
[answer]
format = "json"
schema = "scene.json"
"""
_SCHEMA = {
    "type": "object",
    "required": ["scene"],
    "additionalProperties": False,
    "properties": {"scene": {"type": "string"}},
}


def write_profile(folder: Path) -> None:
    """Write it where a user's own profiles lie."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scene.json").write_text(json.dumps(_SCHEMA))
    (folder / f"{NAME}.toml").write_text(_PROFILE)
