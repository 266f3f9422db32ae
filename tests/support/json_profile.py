"""A user's own profile whose answers must be a JSON object, and answers to it."""

from __future__ import annotations

import json
from pathlib import Path

from backend.config.profiles import profiles_folder

NAME = "objects"
RIGHT = '{"scene": "a long dusk", "fps": 1}'
PROFILE = """\
description = "answers are objects"
[template]
system = ""
user = "Describe for $width x $height at $fps: $prompt\\n$outline"
empty_prompt = ""
[sampling]
temperature = 0.7
top_p = 0.8
[vision]
family = "qwen3-vl"
[serving]
format = "auto"
[answer]
format = "json"
schema = "scene.json"
draws = 3
pin = ["fps"]
"""
SCHEMA = {
    "type": "object",
    "required": ["scene"],
    "additionalProperties": False,
    "properties": {
        "scene": {"type": "string", "description": "what is to be seen"},
        "fps": {"type": "number"},
    },
}


def write_json_profile(text: str = PROFILE) -> Path:
    """Write the profile `objects` and its schema where the user's profiles lie."""
    folder = profiles_folder()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scene.json").write_text(json.dumps(SCHEMA))
    file = folder / f"{NAME}.toml"
    file.write_text(text)
    return file
