"""Profiles: how a model family is prompted and how its tokens are counted. See docs/profiles.md.

A profile is one TOML file. Shipped profiles are in this folder; a user's own profiles are in the folder
`profiles` beside the user's config.toml.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from backend.config.profiles.cleaning import AnswerRules
from backend.config.validation import first_complaint
from backend.errors import ConfigError
from backend.tokens import FAMILIES, Family

_SUFFIX = ".toml"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Template(_Section):
    """The texts that are sent to the model with the images. The images come first, then the prompt."""

    system: str
    """System prompt; empty for none."""
    empty_prompt: str
    """The text that is sent where the prompt is empty; empty where the model needs a prompt."""


class ProfileSampling(_Section):
    """How the answer is sampled."""

    temperature: float = Field(ge=0, le=2)


class Vision(_Section):
    """How images become tokens."""

    family: str

    @field_validator("family")
    @classmethod
    def _check_family(cls, value: str) -> str:
        if value not in FAMILIES:
            raise ValueError(f"there is no such family; there are: {', '.join(FAMILIES)}")
        return value


class Serving(_Section):
    """How a server is told to load the model."""

    format: Literal["mistral", "auto"]
    """"mistral" for Mistral's own files, "auto" for Hugging Face's."""


class KvCache(_Section):
    """The shape of the model's KV cache: each token has a key and a value for each layer and head."""

    layers: int = Field(ge=1)
    kv_heads: int = Field(ge=1)
    """Key-value heads, which may be fewer than the attention heads."""
    head_dim: int = Field(ge=1)
    bytes_per_value: int = Field(ge=1)
    """2 for bfloat16."""
    source: str = Field(min_length=1)
    """The file that these numbers are from."""

    @property
    def bytes_per_token(self) -> int:
        """Bytes of the KV cache that one token takes."""
        return 2 * self.layers * self.kv_heads * self.head_dim * self.bytes_per_value


class Profile(_Section):
    """A model family: how it is prompted, sampled, served, and how its answers are cleaned."""

    name: str
    description: str
    template: Template
    sampling: ProfileSampling
    vision: Vision
    serving: Serving
    kv_cache: KvCache | None = None
    """None for a profile that is not about one model."""
    answer: AnswerRules = AnswerRules()
    """What is removed from an answer. Without this section, only white space is removed."""
    upsampling: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Settings of [upsampling] that this profile changes; the user's own win over them."""

    @field_validator("upsampling")
    @classmethod
    def _check_keys(
        cls, value: dict[str, bool | int | float | str]
    ) -> dict[str, bool | int | float | str]:
        if "profile" in value:
            raise ValueError("a profile cannot choose another one")
        return value

    @property
    def family(self) -> Family:
        """The rules that count the model's tokens."""
        return FAMILIES[self.vision.family]

    def sent_prompt(self, prompt: str) -> str:
        """Return the text that is sent for a spec's prompt."""
        return prompt if prompt.strip() else self.template.empty_prompt


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """A profile's name and file."""

    name: str
    path: Path | None
    """The user's own file; None for a shipped one."""


def profiles_folder() -> Path:
    """Return the folder of the user's own profiles, which need not exist."""
    return platformdirs.user_config_path("upsample") / "profiles"


def profile_files() -> tuple[ProfileFile, ...]:
    """List every profile: the shipped ones, then the user's, each group sorted by name.

    The list includes a user's file that has the name of a shipped one; `load_profile` refuses that name.
    """
    shipped = [ProfileFile(name, None) for name in _shipped_names()]
    try:
        own = sorted(path for path in profiles_folder().iterdir() if path.suffix == _SUFFIX)
    except OSError:
        own = []
    return (*shipped, *(ProfileFile(path.stem, path) for path in own))


def profile_names() -> tuple[str, ...]:
    """Return the names of all profiles, sorted."""
    return tuple(sorted({file.name for file in profile_files()}))


def load_profile(name: str) -> Profile:
    """Load the profile with this name. Raises ConfigError."""
    files = [file for file in profile_files() if file.name == name]
    if not files:
        raise ConfigError(
            f"there is no profile {name!r}", f"The profiles are: {', '.join(profile_names())}."
        )
    own = files[-1].path
    if len(files) > 1:
        raise ConfigError(
            f"{own} has the name of a profile that is shipped", "Give it another name."
        )
    return _load_shipped(name) if own is None else _load_own(name, own)


@cache
def _shipped_names() -> tuple[str, ...]:
    files = resources.files("backend.config.profiles").iterdir()
    return tuple(sorted(f.name.removesuffix(_SUFFIX) for f in files if f.name.endswith(_SUFFIX)))


@cache
def _load_shipped(name: str) -> Profile:
    file = resources.files("backend.config.profiles").joinpath(name + _SUFFIX)
    return _read(name, file.read_text("utf-8"), f"the profile {name}")


def _load_own(name: str, path: Path) -> Profile:
    try:
        return _read(name, path.read_text("utf-8"), str(path))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 at byte {error.start}") from error


def _read(name: str, text: str, source: str) -> Profile:
    try:
        return Profile.model_validate(tomllib.loads(text) | {"name": name})
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} is not TOML: {error}") from error
    except ValidationError as error:
        raise ConfigError(
            f"{source}: {first_complaint(error)}",
            "docs/profiles.md explains the keys of a profile.",
        ) from None
