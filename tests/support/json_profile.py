"""A user's own profile whose answers must be a JSON object, and answers to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
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


SMALL_NAME = "small"
_SMALL = """\
description = "objects so small that a model which knows nothing can write them"
[template]
system = "You answer in JSON."
user = "$media\\nDescribe for $width x $height at $fps, $duration long: $prompt\\n$outline"
empty_prompt = ""
[variants.text2image]
schema = "still.json"
[sampling]
temperature = 0.7
[vision]
family = "{family}"
[serving]
format = "{files}"
[answer]
format = "json"
schema = "clip.json"
draws = {draws}
pin = ["resolution", "aspect_ratio", "duration", "fps"]
[upsampling]
max_tokens = {context}
reserve = {reserve}
frames_to_extract = 2
media = "all"
"""
_WORDS = {"type": "string", "maxLength": 12}
_STILL: Mapping[str, object] = {
    "mood": {"enum": ["calm", "busy"]},
    "scene": {**_WORDS, "description": "what is to be seen"},
    "subjects": {"type": "array", "maxItems": 2, "items": _WORDS},
    "resolution": {
        "type": "object",
        "additionalProperties": False,
        "required": ["H", "W"],
        "properties": {side: {"type": "integer", "minimum": 16, "maximum": 4096} for side in "HW"},
    },
    "aspect_ratio": _WORDS,
}
_ACTION = {"time": {"type": "string", "format": "clip-time"}, "description": _WORDS}
_CLIP = {
    **_STILL,
    "actions": {
        "type": "array",
        "minItems": 2,
        "maxItems": 2,
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": list(_ACTION),
            "properties": _ACTION,
        },
    },
    "duration": _WORDS,
    "fps": {"type": "integer", "minimum": 1, "maximum": 120},
}


def write_small_profile(
    folder: Path,
    *,
    context: int,
    reserve: int,
    draws: int,
    family: str = "pixtral",
    files: str = "mistral",
) -> None:
    """Write the profile `small` and its schemas, of bounded answers, into a folder of profiles.

    `files` is its `serving.format`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, properties in (("clip", _CLIP), ("still", _STILL)):
        schema = {
            "type": "object",
            "additionalProperties": False,
            "required": list(properties),
            "properties": properties,
        }
        (folder / f"{name}.json").write_text(json.dumps(schema))
    text = _SMALL.format(context=context, reserve=reserve, draws=draws, family=family, files=files)
    (folder / f"{SMALL_NAME}.toml").write_text(text)
