"""Model families: one TOML file each, data and not code. `transfer1.toml` explains the keys."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.errors import ConfigError
from backend.tokens import PIXTRAL, VisionRule

_RULES: dict[str, VisionRule] = {"pixtral": PIXTRAL}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Template(_Section):
    """What the model is sent around the frames: first the images, then the prompt."""

    system: str
    """System prompt; empty for none."""
    empty_prompt: str
    """Sent in place of a prompt that is empty."""


class Sampling(_Section):
    """How the answer is drawn."""

    temperature: float = Field(ge=0, le=2)


class Vision(_Section):
    """How images become tokens."""

    family: str

    @property
    def rule(self) -> VisionRule:
        """The counting rule of the family."""
        return _RULES[self.family]


class Serving(_Section):
    """How a server is told to load the model."""

    format: Literal["mistral", "auto"]
    """"mistral" for Mistral's own files, "auto" for Hugging Face's."""


class Profile(_Section):
    """A model family."""

    name: str
    description: str
    template: Template
    sampling: Sampling
    vision: Vision
    serving: Serving
    upsampling: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Settings of [upsampling] that this profile changes; the user's own win over them."""

    def sent_prompt(self, prompt: str) -> str:
        """The text that the model is given for a spec's prompt."""
        return prompt or self.template.empty_prompt


@cache
def profile_names() -> tuple[str, ...]:
    """Every profile that there is, sorted."""
    files = resources.files("backend.profiles").iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml")))


@cache
def load_profile(name: str) -> Profile:
    """The profile of this name. Raises ConfigError."""
    if name not in profile_names():
        raise ConfigError(
            f"there is no profile {name!r}", f"The profiles are: {', '.join(profile_names())}."
        )
    text = resources.files("backend.profiles").joinpath(f"{name}.toml").read_text("utf-8")
    try:
        return Profile.model_validate({"name": name, **tomllib.loads(text)})
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the profile {name!r} cannot be used: {error}") from error
