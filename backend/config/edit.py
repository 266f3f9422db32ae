"""Changing config.toml: one key at a time, with comments and order kept, and never to something wrong."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Item

from backend.config import Layer, check_layers, user_file
from backend.config.external_editor import edit_file
from backend.errors import ConfigError
from backend.files import write_whole


def set_value(key: str, value: str, file: Path | None = None) -> Path:
    """Write `key` ("upsampling.max_tokens", "boxes.h100.host") and return the file it went to.

    The value is read as TOML where that is what the setting wants (8192, true, ["vllm", "serve"]), else
    as a string. The file is the user's own unless named. Raises ConfigError, and then the file is as it
    was.
    """
    return change_values({key: value}, file).file


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """What was done to a file, so that it can be undone."""

    file: Path
    before: str | None
    """Its whole text; None when there was no file."""
    after: str


def change_values(changes: Mapping[str, str | None], file: Path | None = None) -> ConfigChange:
    """Write several keys, as `set_value` does; None takes a key away, so that its default holds.

    All of them or none: raises ConfigError, and then the file is as it was.
    """
    file = file or user_file()
    before = _read_or_none(file)
    after = preview_values(changes, file)
    _write(file, after)
    return ConfigChange(file, before, after)


def preview_values(changes: Mapping[str, str | None], file: Path | None = None) -> str:
    """The text that `change_values` would write. Raises ConfigError; nothing is written."""
    file = file or user_file()
    text = _read_or_none(file) or ""
    for key, value in changes.items():
        text = _without(text, key, file) if value is None else _with(text, key, value, file)
    return text


def undo(change: ConfigChange) -> None:
    """Make the file what it was. Raises ConfigError when somebody else changed it since."""
    if _read_or_none(change.file) != change.after:
        raise ConfigError(
            f"{change.file} was changed since by another program",
            "Undo it there: upsample config edit.",
        )
    if change.before is None:
        try:
            change.file.unlink()
        except OSError as error:
            raise ConfigError(f"{change.file} cannot be removed: {error.strerror}") from error
    else:
        _write(change.file, change.before)


def _with(text: str, key: str, value: str, file: Path) -> str:
    complaint: ConfigError | None = None
    for reading in _readings(value):
        try:
            return _changed(text, key, reading, file)
        except ConfigError as error:
            complaint = complaint or error
    raise complaint or ConfigError(f"{key} cannot be set to {value!r}")


def _without(text: str, key: str, file: Path) -> str:
    return _changed(text, key, None, file)


def key_parts(key: str) -> list[str]:
    """The names in a dotted key, of which some may be quoted: boxes."gpu.lab".host has three.

    Raises ConfigError.
    """
    try:
        table: object = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        raise _no_setting(key) from None
    parts = []
    while isinstance(table, dict):
        if len(table) != 1:
            raise _no_setting(key)
        ((part, table),) = table.items()
        parts.append(part)
    return parts


def _no_setting(key: str) -> ConfigError:
    return ConfigError(f"{key} is no setting", "`upsample config show` lists them.")


def _readings(value: str) -> Iterator[Item]:
    """What the value can mean, the likeliest first."""
    with contextlib.suppress(TOMLKitError, ValueError):
        yield tomlkit.value(value)
    yield tomlkit.string(value)


def _changed(text: str, key: str, value: Item | None, file: Path) -> str:
    """The file's text with another value, or without any. Raises ConfigError when that would be wrong."""
    try:
        document = tomlkit.parse(text)
        intended: dict[str, object] = tomllib.loads(text)
        if value is None:
            _remove(document, key)
            _remove(intended, key)
        else:
            _assign(document, key, value)
            _assign(intended, key, value.unwrap())
        check_layers([Layer(str(file), intended)])
        changed = document.as_string()
        if _filled(tomllib.loads(changed)) != _filled(intended):
            raise ConfigError(
                f"{key} has no simple place in {file}", "Write it in: upsample config edit."
            )
    except (TOMLKitError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file} cannot be changed: {error}") from error
    return changed


def _filled(table: Mapping[str, object]) -> dict[str, object]:
    """Without tables that have nothing in them: [boxes.a] makes a `boxes`, and it goes with it."""
    whole = {k: _filled(v) if isinstance(v, Mapping) else v for k, v in table.items()}
    return {key: value for key, value in whole.items() if value != {}}


def _assign(table: MutableMapping[str, object], key: str, value: object) -> None:
    *names, last = key_parts(key)
    for name in names:
        inner = table.setdefault(name, tomlkit.table(is_super_table=name == "boxes"))
        if not isinstance(inner, MutableMapping):
            raise ConfigError(f"{key} is no setting: {name} is a value, not a table")
        table = inner
    table[last] = value


def _remove(table: MutableMapping[str, object], key: str) -> None:
    *names, last = key_parts(key)
    for name in names:
        inner = table.get(name)
        table = inner if isinstance(inner, MutableMapping) else {}
    if last not in table:
        raise ConfigError(f"{key} is not set in your file")
    del table[last]


def _read_or_none(file: Path) -> str | None:
    try:
        # Not read_text: the line endings are to stay.
        return file.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be changed: {error}") from error


def _write(file: Path, text: str) -> None:
    try:
        target = file.resolve()  # a link to the file (as dotfiles are kept) stays a link
        # Its env may hold a token.
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(target, text.encode(), private=True)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error
    except UnicodeEncodeError as error:
        raise ConfigError(f"the value is no text that a file can hold: {error.reason}") from error


def edit_user_file(command: list[str]) -> None:
    """Open the user's file in an editor, and make it first where there is none. Blocks.

    Raises ConfigError, and InputError when the editor fails.
    """
    file = user_file()
    if not file.exists():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("# Only what differs from the defaults; see `upsample config show`.\n")
        except OSError as error:
            raise ConfigError(f"{file} cannot be written: {error.strerror}") from error
    edit_file(file, command)
