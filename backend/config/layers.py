"""Merges the sources of settings into one. Each source is a layer; later layers override earlier ones.

The layers, from lowest to highest precedence: the shipped file, the chosen profile, the user's file,
./config.toml, the box's own context length, `UPSAMPLE_*` variables, the command line. A layer holds only the
settings that it changes. The settings are checked after each layer, so that an error names the layer.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from backend.config.config_table import LEAST_MAX_TOKENS, MOST_MAX_TOKENS
from backend.config.near_misses import meant_setting
from backend.config.places import LOCAL_FILE, user_file
from backend.config.profiles import AUTO, load_profile
from backend.config.profiles.fitting import Changes, profiles_by_kind
from backend.config.settings import (
    Cache,
    Queue,
    Settings,
    Upsampling,
)
from backend.config.trust import drop_repeats, forbidden_decisions
from backend.config.validation import first_complaint, unknown_key
from backend.errors import ConfigError
from backend.files import read_regular

Table = dict[str, object]

_ENVIRONMENT = "UPSAMPLE_"
_IN_ENVIRONMENT = {
    "upsampling": Upsampling.model_fields,
    "queue": Queue.model_fields,
    "cache": Cache.model_fields,
}
"""The tables whose keys the environment may set."""
_MOST_BYTES = 1 << 20
"""The largest config.toml that is read; the shipped one has a hundredth of this."""


class Origin(StrEnum):
    """The kinds of layers, from lowest to highest precedence."""

    SHIPPED = "shipped"
    PROFILE = "profile"
    USER = "your file"
    LOCAL = "./config.toml"
    BOX = "the box"
    ENVIRONMENT = "environment"
    COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings from one source."""

    source: str
    """The name of the source in error messages: a path, "UPSAMPLE_BOX", "the command line"."""
    table: Table
    origin: Origin = Origin.USER


def load_settings(command_line: Table | None = None) -> Settings:
    """Load the settings from all sources. Raises ConfigError."""
    return load_layers(command_line)[0]


def load_layers(command_line: Table | None = None) -> tuple[Settings, list[Layer]]:
    """Load the settings, and the layers that they are merged from, lowest precedence first.

    Raises ConfigError.
    """
    files = [*_file_layers(user_file()), *_local_layers()]
    now = [
        *_environment_layers(os.environ),
        Layer("the command line", command_line or {}, Origin.COMMAND_LINE),
    ]
    chosen = _settle([_shipped(), *files, *now])
    profile = chosen.profile
    settings, layers = _with_profile(profile.name, profile.upsampling, files, now)
    if chosen.upsampling.profile == AUTO:
        made: dict[str, Settings] = {}
        for kind, fitting in profiles_by_kind().items():
            if fitting.name not in made:
                this = Layer("auto", {"upsampling": {"profile": fitting.name}}, Origin.COMMAND_LINE)
                above = [*now, this]
                made[fitting.name], _ = _with_profile(
                    fitting.name, fitting.upsampling, files, above
                )
            settings._by_kind[kind] = made[fitting.name]
        settings.upsampling._by_kind.update(settings._kinds_on(settings.box))
    return settings, layers


def _with_profile(
    name: str, changed: Changes, files: list[Layer], now: list[Layer]
) -> tuple[Settings, list[Layer]]:
    """Return the settings with what this profile changes. `now` are the layers above the files."""
    changes: Table = {"upsampling": dict(changed)}
    of_profile = Layer(f"the profile {name}", changes, Origin.PROFILE)
    lasting = [_shipped(), of_profile, *files]
    says_it = any(_holds_max_tokens(layer) for layer in (*files, *now))
    return _apply_box_contexts(lasting, now, _settle([*lasting, *now]), says_it=says_it)


def _apply_box_contexts(
    lasting: list[Layer], now: list[Layer], settings: Settings, *, says_it: bool
) -> tuple[Settings, list[Layer]]:
    """Apply the context length (`max_tokens`) that a box has of its own.

    Precedence: files < box < environment < command line. `lasting` are the layers below the box's, and `now`
    those above. `says_it` tells whether the user says one for every box.
    """
    own = {name: box.max_tokens for name, box in settings.boxes.items() if box.max_tokens}
    if any(_holds_max_tokens(layer) for layer in now):
        own = {}
    layers = [*lasting, *now]
    everywhere = settings.upsampling.max_tokens
    if settings.box in own:
        changes: Table = {"upsampling": {"max_tokens": own[settings.box]}}
        of_box = Layer(f"boxes.{settings.box}.max_tokens", changes, Origin.BOX)
        layers = [*lasting, of_box, *now]
        settings = _settle(layers)
    settings._max_tokens.update(dict.fromkeys(settings.boxes, everywhere) | own)
    if not says_it:
        settings._without_max_tokens.update(settings.boxes.keys() - own.keys())
    return settings, layers


def _holds_max_tokens(layer: Layer) -> bool:
    upsampling = layer.table.get("upsampling")
    return isinstance(upsampling, dict) and "max_tokens" in upsampling


def _local_layers() -> list[Layer]:
    """Read ./config.toml, and refuse what it may not decide: somebody else may have written it."""
    try:
        path = LOCAL_FILE.absolute()
    except FileNotFoundError:
        return []  # the working directory is gone
    if _is_users_own(path):
        return []  # the user works in the folder of their own file
    # In a checkout, ./config.toml is the shipped file itself and changes nothing.
    shipped = _shipped().table
    layers = [
        replace(layer, origin=Origin.LOCAL, table=drop_repeats(layer.table, shipped))
        for layer in _file_layers(path)
        if layer.table != shipped
    ]
    for layer in layers:
        for key, what in forbidden_decisions(layer.table):
            raise ConfigError(
                f"{layer.source}: {key} {what}, and is heeded in your own file alone",
                f"If it is yours, move it to {user_file()}.",
            )
    return layers


def _is_users_own(path: Path) -> bool:
    """Whether this is the user's own file. A missing file is not."""
    with suppress(OSError):
        return path.samefile(user_file())
    return False


def shipped_text() -> str:
    """Return the text of the shipped config.toml, which holds every default."""
    packaged = resources.files("backend").joinpath("shipped_config.toml")
    if packaged.is_file():
        return packaged.read_text("utf-8")
    # In a checkout, the file is in the top folder.
    return Path(__file__).parents[2].joinpath("config.toml").read_text("utf-8")


def settings_to_queue(settings: Upsampling, *, follows_server: bool) -> str:
    """Return the settings of a job as JSON for the queue. See `Settings.follows_server_on`."""
    return settings.as_json(without=("max_tokens",) if follows_server else ())


def said_max_tokens(text: str) -> int | None:
    """Return the `max_tokens` of a job's settings; None where the user said none and the server may tell."""
    said: int | None = json.loads(text).get("max_tokens")
    return said


def said_answer_language(text: str) -> str:
    """Return the language in which a job's settings ask for the answer; "" where they leave it open."""
    said: str = json.loads(text).get("answer_language", "")
    return said


def queued_settings(text: str, told: int = 0) -> Upsampling:
    """Return the [upsampling] settings that a job was queued with, from the JSON in the queue.

    A setting that was added to the program later has its default. `told` is the context length that the model
    server tells, or 0. It is `max_tokens` where the user said none, and bounds it where they did. Raises
    ConfigError.
    """
    shipped = _shipped().table["upsampling"]
    assert isinstance(shipped, dict)  # noqa: S101 - our own file
    queued = json.loads(text)
    said = said_max_tokens(text)
    if said is None:
        queued["max_tokens"] = told or _max_tokens_of(queued.get("profile"), shipped)
    elif told:
        queued["max_tokens"] = min(said, told)
    if told:
        queued["max_tokens"] = min(max(queued["max_tokens"], LEAST_MAX_TOKENS), MOST_MAX_TOKENS)
    try:
        return Upsampling.model_validate(shipped | queued)
    except ValidationError as error:
        raise ConfigError(
            f"the job was queued under settings that hold no more: {first_complaint(error)}",
            "Bring back what is missing, or queue the spec again.",
        ) from None


def _max_tokens_of(profile: str | None, shipped: Table) -> object:
    """Return the context length of a profile, or else the shipped one. Raises ConfigError."""
    of_profile = load_profile(profile).upsampling if profile else {}
    return of_profile.get("max_tokens", shipped["max_tokens"])


def check_layers(layers: list[Layer]) -> Settings:
    """Merge the layers onto the shipped defaults, and check the result. Raises ConfigError."""
    return _settle([_shipped(), *layers])


@cache
def _shipped() -> Layer:
    return Layer("the shipped config.toml", tomllib.loads(shipped_text()), Origin.SHIPPED)


def _settle(layers: list[Layer]) -> Settings:
    merged: Table = {}
    settings: Settings | None = None
    for layer in layers:
        if settings is not None and not layer.table:
            continue
        merged = _merge(merged, layer.table)
        try:
            settings = Settings.model_validate(_with_box_defaults(merged))
        except ValidationError as error:
            key = unknown_key(error)
            remedy = meant_setting(key) if key else ""
            raise ConfigError(f"{layer.source}: {first_complaint(error)}", remedy) from None
    assert settings is not None  # noqa: S101 - there is always the shipped layer
    return settings


def _merge(below: Mapping[str, object], above: Mapping[str, object]) -> Table:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        if isinstance(under, dict) and isinstance(value, dict):
            merged[key] = _merge(under, value)
        else:
            merged[key] = value
    return merged


def _with_box_defaults(merged: Table) -> Table:
    defaults, boxes = merged.get("box_defaults"), merged.get("boxes")
    if not (isinstance(defaults, dict) and isinstance(boxes, dict)):
        return merged
    whole = {
        name: _merge(defaults, box) if isinstance(box, dict) else box for name, box in boxes.items()
    }
    return merged | {"boxes": whole}


def _file_layers(*paths: Path) -> list[Layer]:
    """Read the files that exist, each into a layer."""
    layers = (_file_layer(path) for path in paths)
    return [layer for layer in layers if layer is not None]


def _file_layer(path: Path) -> Layer | None:
    try:
        return Layer(str(path), tomllib.loads(read_regular(path, _MOST_BYTES).decode()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    except ValueError as error:  # for example, a number with more digits than Python reads
        raise ConfigError(f"{path} cannot be read: {error}") from error
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply") from None


def _environment_layers(environment: Mapping[str, str]) -> list[Layer]:
    layers = []
    for name, value in sorted(environment.items()):
        if not name.startswith(_ENVIRONMENT):
            continue
        key = name.removeprefix(_ENVIRONMENT).lower()
        if key == "box":
            layers.append(Layer(name, {"box": value}, Origin.ENVIRONMENT))
        elif section := next((it for it in _IN_ENVIRONMENT if key in _IN_ENVIRONMENT[it]), None):
            table: Table = {section: {key: value}}
            layers.append(Layer(name, table, Origin.ENVIRONMENT))
        else:
            raise ConfigError(
                f"{name} in the environment names no setting",
                "Unset it; the names are UPSAMPLE_BOX and UPSAMPLE_ with a key of [upsampling], [queue] or "
                "[cache].",
            )
    return layers
