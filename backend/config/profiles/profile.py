"""A profile as checked data: how one family of models is asked, and what its answers must be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from backend.config.profiles.cleaning import AnswerRules
from backend.config.profiles.template import PLAIN, Template, checked_template
from backend.specs.model import Mode, SpecFormat
from backend.specs.quoting import quoted
from backend.tokens import FAMILIES, Family

T = TypeVar("T", bound=Iterable[str])

KIND_SEPARATOR = ":"
"""Stands between the format and the mode of a kind of specs."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Variant(_Section):
    """What a profile does otherwise for specs of one mode. What it does not name stays as it is."""

    user: str | None = None
    """Replaces `template.user`."""
    schema_file: str = Field(default="", alias="schema")
    """Replaces `answer.schema`."""

    @field_validator("user")
    @classmethod
    def _check_user(cls, value: str | None) -> str | None:
        return value if value is None else checked_template(value)


class ProfileSampling(_Section):
    """How the answer is sampled. What is None is left to the model server."""

    temperature: float = Field(ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0, le=1_000_000)
    """0 draws from all tokens."""
    min_p: float | None = Field(default=None, ge=0, le=1)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    repetition_penalty: float | None = Field(default=None, gt=0, le=10)


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
    fits: tuple[str, ...] = ()
    """The kinds of specs for which `upsampling.profile = "auto"` takes this profile: a format ("cosmos3"), or
    a format and a mode ("cosmos3:transfer")."""
    variants: Mapping[str, Variant] = Field(default_factory=dict)
    """What is different for specs of one mode ("text2image"), by the mode. "transfer-image" and
    "transfer-video" are transfers with a source."""
    controls: Mapping[str, str] = Field(default_factory=dict)
    """What the texts call a control, by its name ("edge")."""
    schemas: Mapping[str, str] = Field(default_factory=dict)
    """The JSON schemas that the profile names, by file name; the loader fills them in."""
    upsampling: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Settings of [upsampling] that this profile changes; the user's own win over them."""

    @field_validator("fits")
    @classmethod
    def _check_formats(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for kind in value:
            name, colon, mode = kind.partition(KIND_SEPARATOR)
            _checked_names([name], [*SpecFormat], "format of specs")
            if colon:
                _checked_names([mode], [*Mode], "mode")
        return value

    @field_validator("variants")
    @classmethod
    def _check_modes(cls, value: Mapping[str, Variant]) -> Mapping[str, Variant]:
        _checked_names(value, [*Mode, *_WITH_SOURCE], "mode")
        return value

    @field_validator("upsampling")
    @classmethod
    def _check_keys(
        cls, value: dict[str, bool | int | float | str]
    ) -> dict[str, bool | int | float | str]:
        if "profile" in value:
            raise ValueError("a profile cannot choose another one")
        return value

    @model_validator(mode="after")
    def _check_send(self) -> Self:
        if self.upsampling.get("send") == "clip" and self.family.clips is None:
            raise ValueError(
                f'upsampling.send is "clip", and the family {self.family.name} takes no clips'
            )
        return self

    @property
    def family(self) -> Family:
        """The rules that count the model's tokens."""
        return FAMILIES[self.vision.family]

    def sent_prompt(self, prompt: str) -> str:
        """Return the prompt that is asked about: the spec's own, or the words for an empty one."""
        return prompt if prompt.strip() else self.template.empty_prompt

    def user_template(self, mode: str, source: str = "") -> str:
        """Return the template of the user message for specs of this mode, and `Generation.source`."""
        named = (it.user for it in self._variants_for(mode, source) if it.user is not None)
        return next(named, self.template.user)

    def schema_for(self, mode: str, source: str = "") -> str:
        """Return the JSON schema of answers for specs of this mode, and `Generation.source`; empty where
        answers are free text.
        """
        named = (it.schema_file for it in self._variants_for(mode, source) if it.schema_file)
        return self.schemas.get(next(named, self.answer.schema_file), "")

    def _variants_for(self, mode: str, source: str) -> list[Variant]:
        """Return the variants for specs of this mode, the narrower one first."""
        names = (f"{mode}-{source}", mode)
        return [self.variants[name] for name in names if name in self.variants]

    @property
    def uses_target(self) -> bool:
        """Whether requests and answers depend on what the spec says of the video that is to be made."""
        return self.template.user != PLAIN or bool(self.variants) or self.answer.format == "json"

    @property
    def schema_files(self) -> frozenset[str]:
        """The names of the files with JSON schemas that this profile refers to."""
        named = {self.answer.schema_file, *(it.schema_file for it in self.variants.values())}
        return frozenset(named - {""})

    def identity(self) -> str:
        """Return the profile as JSON, by which equal orders are recognised.

        `kv_cache` does not change answers. What came after the first version is left out at its default, so
        that orders which do not use it stay equal to those that were made before.
        """
        later = {
            part: {name for name in names if _is_default(getattr(self, part), name)}
            for part, names in _LATER_PARTS.items()
        }
        alone = {name: True for name in _LATER if _is_default(self, name)}
        return self.model_dump_json(exclude={"kv_cache": True, **alone, **later})


def _checked_names(names: T, known: Sequence[str], what: str) -> T:
    """Return the names if each of them is known. Raises ValueError."""
    for name in names:
        if name not in known:
            raise ValueError(f"{quoted(name)} is no {what}; there are: {', '.join(known)}")
    return names


_WITH_SOURCE = ("transfer-image", "transfer-video")
"""The variants for transfers that have a source."""
_LATER = ("fits", "variants", "controls", "schemas")
_LATER_PARTS = {
    "template": ("user",),
    "sampling": ("top_p", "top_k", "min_p", "presence_penalty", "repetition_penalty"),
    "answer": (
        "format",
        "schema_file",
        "enforce",
        "draws",
        "pin",
        "whole_seconds",
        "duration",
        "drop",
        "negative_prompt",
    ),
}
"""Fields that came after the first version, of a profile and of its parts."""


def _is_default(part: BaseModel, name: str) -> bool:
    field = type(part).model_fields[name]
    return bool(getattr(part, name) == field.get_default(call_default_factory=True))
