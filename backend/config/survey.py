"""Every setting as it holds here and now: its value, where that comes from, what it may be and is for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum

import tomlkit
from pydantic import BaseModel

from backend.config import Layer, Origin, Settings, Table, load_layers
from backend.config.help import help_texts
from backend.config.profiles import profile_names
from remote.protocol import Json


class ValueKind(Enum):
    """What a value may be, as far as an editor must know."""

    FLAG = "true or false"
    CHOICE = "one of a few"
    NUMBER = "a number"
    TEXT = "text"
    TOML = "a list or a table, as TOML"


@dataclass(frozen=True, slots=True)
class ValueSource:
    """Where a value comes from."""

    origin: Origin
    name: str
    """A path, "UPSAMPLE_BOX", "the profile qwen25-vl", "the command line", "the shipped config.toml"."""
    key: str
    """The key that it has there: a box's may be one of box_defaults."""

    @property
    def counts_more(self) -> bool:
        """Whether the user's own file cannot change the value while this source gives it."""
        return self.origin in (
            Origin.LOCAL,
            Origin.BOX,
            Origin.ENVIRONMENT,
            Origin.COMMAND_LINE,
        )


@dataclass(frozen=True, slots=True)
class SettingEntry:
    """One setting."""

    key: str
    """As `upsample config set` takes it."""
    name: str
    """The key within its section."""
    value: Json
    kind: ValueKind
    choices: tuple[str, ...]
    """What a CHOICE may be."""
    source: ValueSource
    help: str

    @property
    def text(self) -> str:
        """The value as one would type it."""
        return _typed(self.value)


@dataclass(frozen=True, slots=True)
class Section:
    """Settings that belong together."""

    title: str
    box: str
    """The box that they are of; empty for those of no box."""
    entries: tuple[SettingEntry, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """All settings."""

    settings: Settings
    sections: tuple[Section, ...]
    layers: tuple[Layer, ...]

    def source_of(self, key: Sequence[str]) -> ValueSource:
        """Where the value of a key comes from."""
        return find_source(self.layers, key)

    def entries(self) -> Iterator[SettingEntry]:
        """Of all sections."""
        for section in self.sections:
            yield from section.entries


def survey_settings(command_line: Table | None = None) -> Survey:
    """Look at everything. Reads the files; raises ConfigError."""
    settings, layers = load_layers(command_line)
    plain: dict[str, Json] = settings.model_dump(mode="json")
    upsampling = _entries(layers, settings.upsampling, plain["upsampling"], ("upsampling",))
    sections = [Section("Upsampling", "", tuple(upsampling))]
    boxes = plain["boxes"]
    assert isinstance(boxes, dict)  # noqa: S101 - as the model says
    for name, box in settings.boxes.items():
        entries = _entries(layers, box, boxes[name], ("boxes", name))
        sections.append(Section(f"Box {name}", name, tuple(entries)))
    defaults = _entries(layers, settings.box_defaults, plain["box_defaults"], ("box_defaults",))
    sections.append(Section("All boxes, unless they say otherwise", "", tuple(defaults)))
    return Survey(settings, tuple(sections), tuple(layers))


def find_source(layers: Sequence[Layer], key: Sequence[str]) -> ValueSource:
    """The strongest layer that gives this key; for a box's key, what box_defaults say comes last."""
    keys = [key]
    if key[0] == "boxes":
        keys.append(("box_defaults", *key[2:]))
    for parts in keys:
        for layer in reversed(layers):
            if _holds(layer.table, parts):
                return ValueSource(layer.origin, layer.source, dotted(parts))
    return ValueSource(Origin.SHIPPED, "the shipped config.toml", dotted(key))


def dotted(parts: Sequence[str]) -> str:
    """The names of a key as one: `backend.config.edit.key_parts` the other way round."""
    return ".".join(tomlkit.key(part).as_string() for part in parts)


def _holds(table: Mapping[str, object], parts: Sequence[str]) -> bool:
    value: object = table
    for part in parts:
        if not isinstance(value, Mapping) or part not in value:
            return False
        value = value[part]
    # A table that says nothing changes nothing.
    return value != {}


def _entries(
    layers: Sequence[Layer],
    model: BaseModel,
    values: Json,
    place: tuple[str, ...],
    within: str = "",
) -> Iterator[SettingEntry]:
    assert isinstance(values, dict)  # noqa: S101 - as the model says
    for field in type(model).model_fields:
        value, parts, name = getattr(model, field), (*place, field), within + field
        if isinstance(value, BaseModel):
            yield from _entries(layers, value, values[field], parts, f"{name}.")
            continue
        kind, choices = _kind(field, value)
        help_key = ".".join(("box_defaults", name) if place[0] == "boxes" else parts)
        yield SettingEntry(
            dotted(parts),
            name,
            values[field],
            kind,
            choices,
            find_source(layers, parts),
            help_texts().get(help_key, ""),
        )


def _kind(field: str, value: object) -> tuple[ValueKind, tuple[str, ...]]:
    if isinstance(value, bool):
        return ValueKind.FLAG, ()
    if isinstance(value, StrEnum):
        return ValueKind.CHOICE, tuple(str(each) for each in type(value))
    if field == "profile":
        return ValueKind.CHOICE, tuple(profile_names())
    if isinstance(value, (int, float)):
        return ValueKind.NUMBER, ()
    return (ValueKind.TOML if isinstance(value, (list, dict)) else ValueKind.TEXT), ()


def _typed(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        inner = ", ".join(f"{dotted([key])} = {_as_toml(each)}" for key, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_as_toml(each) for each in value)}]"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _as_toml(value: Json) -> str:
    # JSON's strings are TOML's basic strings.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else _typed(value)
