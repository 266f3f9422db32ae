"""Lists every setting with its value, the source of the value, the possible values and the help text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cache

import tomlkit
from pydantic import BaseModel

from backend.config import Layer, Origin, Settings, Table, load_layers, profile_names, shipped_text
from remote.protocol import Json

_TABLE = re.compile(r"\[([a-z_.]+)\]")
_KEY = re.compile(r"([a-z_]+) = ")


class ValueKind(Enum):
    """The kind of value that a setting takes, for an editor of settings."""

    FLAG = "true or false"
    CHOICE = "one of a few"
    NUMBER = "a number"
    TEXT = "text"
    TOML = "a list or a table, as TOML"


@dataclass(frozen=True, slots=True)
class ValueSource:
    """The layer that gives a setting its value."""

    origin: Origin
    name: str
    """A path, "UPSAMPLE_BOX", "the profile qwen25-vl", "the command line", "the shipped config.toml"."""
    key: str
    """The key in that layer. A box's setting may come from a key of box_defaults."""

    @property
    def counts_more(self) -> bool:
        """Whether this source overrides the user's own file."""
        return self.origin in (
            Origin.LOCAL,
            Origin.BOX,
            Origin.ENVIRONMENT,
            Origin.COMMAND_LINE,
        )


@dataclass(frozen=True, slots=True)
class SettingEntry:
    """One setting, with all that a settings page shows of it."""

    key: str
    """The dotted key, as `upsample config set` takes it."""
    name: str
    """The key within its section."""
    value: Json
    kind: ValueKind
    choices: tuple[str, ...]
    """The possible values of a CHOICE; empty for other kinds."""
    source: ValueSource
    help: str

    @property
    def text(self) -> str:
        """The value as a user types it."""
        return _typed(self.value)


@dataclass(frozen=True, slots=True)
class Section:
    """A group of settings: [upsampling], one box, the defaults of boxes, [queue] or [cache]."""

    title: str
    box: str
    """The name of the box; empty where the section is not about one box."""
    entries: tuple[SettingEntry, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """All settings, in sections, and the layers that they come from."""

    settings: Settings
    sections: tuple[Section, ...]
    layers: tuple[Layer, ...]

    def source_of(self, key: Sequence[str]) -> ValueSource:
        """Return the source of a key's value."""
        return find_source(self.layers, key)

    def entries(self) -> Iterator[SettingEntry]:
        """Yield the settings of all sections."""
        for section in self.sections:
            yield from section.entries


def survey_settings(command_line: Table | None = None) -> Survey:
    """Load the settings and list all of them. Reads the config files. Raises ConfigError."""
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
    specs = _entries(layers, settings.specs, plain["specs"], ("specs",))
    sections.append(Section("The specs", "", tuple(specs)))
    compose = _entries(layers, settings.compose, plain["compose"], ("compose",))
    sections.append(Section("New specs", "", tuple(compose)))
    queue = _entries(layers, settings.queue, plain["queue"], ("queue",))
    sections.append(Section("The queue", "", tuple(queue)))
    cache = _entries(layers, settings.cache, plain["cache"], ("cache",))
    sections.append(Section("What is kept", "", tuple(cache)))
    app = _entries(layers, settings.app, plain["app"], ("app",))
    sections.append(Section("The app", "", tuple(app)))
    announce = _entries(layers, settings.announce, plain["announce"], ("announce",))
    sections.append(Section("What is announced", "", tuple(announce)))
    return Survey(settings, tuple(sections), tuple(layers))


def find_source(layers: Sequence[Layer], key: Sequence[str]) -> ValueSource:
    """Find the layer with the highest precedence that sets this key, or the same key of box_defaults."""
    keys = [key]
    if key[0] == "boxes":
        keys.append(("box_defaults", *key[2:]))
    for parts in keys:
        for layer in reversed(layers):
            if _holds(layer.table, parts):
                return ValueSource(layer.origin, layer.source, dotted(parts))
    return ValueSource(Origin.SHIPPED, "the shipped config.toml", dotted(key))


def dotted(parts: Sequence[str]) -> str:
    """Join the names of a key with dots, the reverse of `backend.config.edit.key_parts`."""
    return ".".join(tomlkit.key(part).as_string() for part in parts)


def _holds(table: Mapping[str, object], parts: Sequence[str]) -> bool:
    value: object = table
    for part in parts:
        if not isinstance(value, Mapping) or part not in value:
            return False
        value = value[part]
    # An empty table sets nothing.
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


@cache
def help_texts() -> dict[str, str]:
    """Return the comment of each setting, on one line, by dotted key ("upsampling.reserve")."""
    texts: dict[str, str] = {}
    table, comment = "", list[str]()
    for line in shipped_text().splitlines():
        if line.startswith("#"):
            comment.append(line.removeprefix("#").strip())
        elif heading := _TABLE.match(line):
            table, comment = f"{heading[1]}.", []
        elif setting := _KEY.match(line):
            texts[table + setting[1]] = " ".join(comment)
            comment = []
        else:
            comment = []
    return texts


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
    # A JSON string is also a TOML basic string.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else _typed(value)
