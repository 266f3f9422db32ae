"""The texts that a model is sent with the pictures, and the variables that may stand in them."""

from __future__ import annotations

import string
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, field_validator

VARIABLES: Mapping[str, str] = {
    "prompt": "the spec's prompt",
    "mode": 'what is to be made: "text2image", "image2video", "transfer"',
    "width": "the width of the video or image that is to be made, in pixels",
    "height": "its height",
    "aspect_ratio": 'its sides, as "16,9"',
    "fps": "its frames a second",
    "duration": 'its length in whole seconds, as "8s" or "0:08": see `duration` of [answer]',
    "resolution": 'the name of its size: "720"; empty for a size without a name',
    "media": "a line for each video or image that is shown: which pictures are its frames",
    "controls": "the same lines, of the controls alone",
    "control_names": 'the controls in one phrase: "edge control and depth control"',
    "language": 'the language of the answer: "English", or "the language of the prompt"',
    "outline": "the JSON that the answer must be, with what belongs into each place",
}
"""What may stand in a template, as `$name` or `${name}`, and what it stands for."""

PLAIN = "$prompt"
"""The template that sends the prompt as it is."""


class Template(BaseModel):
    """The texts that are sent to the model: the system prompt, then the images, then the user message."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    """System prompt; empty for none."""
    empty_prompt: str
    """The text that is sent where the prompt is empty; empty where the model needs a prompt."""
    user: str = PLAIN
    """The user message, in which `$name` stands for a variable, and `$$` for a dollar."""

    @field_validator("user")
    @classmethod
    def _check_user(cls, value: str) -> str:
        return checked_template(value)


def checked_template(text: str) -> str:
    """Return the template, if it can be filled in. Raises ValueError."""
    template = string.Template(text)
    if not template.is_valid():
        raise ValueError("a $ in it begins no variable; $$ stands for a dollar")
    unknown = [name for name in template.get_identifiers() if name not in VARIABLES]
    if unknown:
        known = ", ".join(f"${name}" for name in VARIABLES)
        raise ValueError(f"there is no variable ${unknown[0]}; there are: {known}")
    if "prompt" not in template.get_identifiers():
        raise ValueError("$prompt must stand in it")
    return text


def names_variable(template: str, name: str) -> bool:
    """Whether this variable stands in the template."""
    return name in string.Template(template).get_identifiers()


def fill_in(template: str, values: Mapping[str, str]) -> str:
    """Return the template with its variables replaced. Raises KeyError for one that has no value."""
    return string.Template(template).substitute(values)
