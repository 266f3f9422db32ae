"""Writes the user message for a prompt: the profile's template with its variables filled in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from backend.config import Profile
from backend.config.profiles.json_answer import written_duration
from backend.config.profiles.schemas import part_at
from backend.config.profiles.template import PLAIN, fill_in, names_variable
from backend.generation import Generation
from remote.protocol import Json

_RGB = "rgb"
_KINDS: Mapping[str, str] = {
    "edge": "outlines of what is to be seen",
    "blur": "a blurred version of what is to be seen",
    "vis": "a blurred version of what is to be seen",
    "depth": "the distance of each point, near is bright",
    "seg": "regions in colours, one for each thing",
    "wsm": "a driving scene as a map of lanes and vehicles",
    "hdmap": "a driving scene as a map of lanes and vehicles",
    "lidar": "a driving scene as points that a laser has measured",
    "keypoint": "the joints of people as points and lines",
    "upscale": "what is to be seen, at a lower resolution",
}
"""What a control shows, by its name."""


@dataclass(frozen=True, slots=True)
class ShownFrames:
    """A video or image of which the model sees frames."""

    name: str
    """"rgb", or the name of a control."""
    frames: int
    is_still: bool = False
    """Whether it is one picture, and no video."""
    is_clip: bool = False
    """Whether the frames are sent as one clip."""


def plain_message(profile: Profile, prompt: str, language: str = "") -> str:
    """Return the text that is sent after the pictures by a profile without a template of its own.

    `language` is that of the answer; "" leaves it open.
    """
    return _answered_in(language, profile.sent_prompt(prompt), profile)


def user_message(
    profile: Profile,
    prompt: str,
    generation: Generation,
    shown: Sequence[ShownFrames],
    language: str = "",
) -> str:
    """Return the text that is sent after the pictures.

    `shown` are the media in their order, and `language` is that of the answer; "" leaves it open.
    """
    template = profile.user_template(generation.mode, generation.source)
    if template == PLAIN:
        return plain_message(profile, prompt, language)
    message = _filled_in(
        template, profile, profile.sent_prompt(prompt), generation, shown, language
    )
    return (
        message
        if names_variable(template, "language")
        else _answered_in(language, message, profile)
    )


def _answered_in(language: str, message: str, profile: Profile) -> str:
    """Return the message with a sentence that asks for the language of the answer, if one is wanted."""
    if not language:
        return message
    if profile.answer.format == "json":
        asked = f"Write the texts in the object in {language}, and leave its keys as they are."
    else:
        asked = f"Answer in {language}, whatever the language of the prompt."
    return f"{message}\n\n{asked}"


def _filled_in(
    template: str,
    profile: Profile,
    sent: str,
    generation: Generation,
    shown: Sequence[ShownFrames],
    language: str,
) -> str:
    lines = _media_lines(shown, profile)
    called = [_called(it, profile) for it in shown if it.name != _RGB]
    return fill_in(
        template,
        {
            "prompt": sent,
            "mode": generation.mode,
            "width": str(generation.size.width),
            "height": str(generation.size.height),
            "aspect_ratio": generation.aspect_ratio,
            "fps": f"{generation.fps:g}",
            "resolution": generation.resolution,
            "duration": written_duration(profile.answer, generation),
            "media": "\n".join(lines),
            "controls": "\n".join(
                line for line, it in zip(lines, shown, strict=True) if it.name != _RGB
            ),
            "control_names": " and ".join(filter(None, (", ".join(called[:-1]), *called[-1:]))),
            "language": language or "the language of the prompt",
            "outline": outline(profile.schema_for(generation.mode, generation.source)),
        },
    )


def _called(control: ShownFrames, profile: Profile) -> str:
    """Return what the profile's texts call a control."""
    return profile.controls.get(control.name, f"{control.name} control")


def _media_lines(shown: Sequence[ShownFrames], profile: Profile) -> list[str]:
    """Say for each medium which pictures are its frames: "Pictures 1 to 4: frames of the source video".

    Of a clip: "Video 1: the source video". Videos are counted by themselves.
    """
    lines, first, clips = [], 1, 0
    for it in shown:
        if it.is_clip:
            clips += 1
            lines.append(f"Video {clips}: {_what_is_shown(it, profile)}.")
            continue
        last = first + it.frames - 1
        pictures = f"Picture {first}" if first == last else f"Pictures {first} to {last}"
        frames = "the frame" if first == last else "frames, in order,"
        if it.is_still and it.name == _RGB:
            lines.append(f"{pictures}: the source image.")
        else:
            lines.append(f"{pictures}: {frames} of {_what_is_shown(it, profile)}.")
        first = last + 1
    return lines


def _what_is_shown(it: ShownFrames, profile: Profile) -> str:
    """Return what a video shows: "the edge control (outlines of what is to be seen)"."""
    what = "the source video" if it.name == _RGB else f"the {_called(it, profile)}"
    return f"{what} ({_KINDS[it.name]})" if it.name in _KINDS else what


@lru_cache(maxsize=64)  # thousands of specs have the same
def outline(schema: str) -> str:
    """Return the JSON that a schema describes, with each value's description in its place; "" for none."""
    if not schema:
        return ""
    root = cast("dict[str, Json]", json.loads(schema))
    return json.dumps(_outline_of(root, root), indent=1, ensure_ascii=False)


def _outline_of(
    shape: Json, root: Mapping[str, Json], within: frozenset[str] = frozenset()
) -> Json:
    """Return the outline of a part; `within` are the references that lead to it."""
    if not isinstance(shape, dict):
        return ""
    reference = shape.get("$ref")
    if isinstance(reference, str):
        # What holds itself is shown once.
        is_again = reference in within
        return "" if is_again else _outline_of(part_at(reference, root), root, within | {reference})
    properties = shape.get("properties")
    if isinstance(properties, dict):
        return {name: _outline_of(inner, root, within) for name, inner in properties.items()}
    if "items" in shape:
        return [_outline_of(shape["items"], root, within)]
    described = shape.get("description")
    return described if isinstance(described, str) else str(shape.get("type", ""))
