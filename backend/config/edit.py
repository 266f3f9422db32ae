"""Changes config.toml. Comments and order stay, and a change that makes the settings invalid is refused."""

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
from backend.config.near_misses import meant_setting
from backend.errors import ConfigError
from backend.files import write_whole


def set_value(key: str, value: str, file: Path | None = None) -> Path:
    """Write `key` ("upsampling.max_tokens", "boxes.h100.host") and return the file it went to.

    The value is read as TOML where the setting accepts that (8192, true, ["vllm", "serve"]), else as a
    string. `file` defaults to the user's own. Raises ConfigError, and then the file is unchanged.
    """
    return change_values({key: value}, file).file


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """A change that was made to a file, with what is needed to undo it."""

    file: Path
    before: str | None
    """The file's whole text before the change; None when there was no file."""
    after: str


def change_values(changes: Mapping[str, str | None], file: Path | None = None) -> ConfigChange:
    """Write several keys, as `set_value` does. The value None removes a key, so that its default applies.

    Writes all of them or none. Raises ConfigError, and then the file is unchanged.
    """
    file = file or user_file()
    before = _read_or_none(file)
    after = preview_values(changes, file)
    _write(file, after)
    return ConfigChange(file, before, after)


def preview_values(changes: Mapping[str, str | None], file: Path | None = None) -> str:
    """Return the text that `change_values` would write, and write nothing. Raises ConfigError."""
    file = file or user_file()
    text = _read_or_none(file) or ""
    for key, value in changes.items():
        text = _remove_key(text, key, file) if value is None else _set_key(text, key, value, file)
    return text


def undo(change: ConfigChange) -> None:
    """Restore the file as it was before the change. Raises ConfigError when it was changed again since."""
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


def _set_key(text: str, key: str, value: str, file: Path) -> str:
    complaint: ConfigError | None = None
    for reading in _readings(value):
        try:
            return _edit_text(text, key, reading, file)
        except ConfigError as error:
            complaint = complaint or error
    raise complaint or ConfigError(f"{key} cannot be set to {value!r}")


def _remove_key(text: str, key: str, file: Path) -> str:
    return _edit_text(text, key, None, file)


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
    return ConfigError(f"{key} is no setting", meant_setting(key))


def _readings(value: str) -> Iterator[Item]:
    """Yield the ways to read a value, the likeliest first."""
    with contextlib.suppress(TOMLKitError, ValueError):
        yield tomlkit.value(value)
    yield tomlkit.string(value)


def _edit_text(text: str, key: str, value: Item | None, file: Path) -> str:
    """Return the text with the key set, or removed where `value` is None. Raises ConfigError."""
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
        if _without_empty_tables(tomllib.loads(changed)) != _without_empty_tables(intended):
            raise ConfigError(
                f"{key} has no simple place in {file}", "Write it in: upsample config edit."
            )
    except (TOMLKitError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file} cannot be changed: {error}") from error
    return changed


def _without_empty_tables(table: Mapping[str, object]) -> dict[str, object]:
    """Return the table without empty tables: when [boxes.a] is removed, an empty `boxes` may stay behind."""
    whole = {k: _without_empty_tables(v) if isinstance(v, Mapping) else v for k, v in table.items()}
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
        # read_text would convert the line endings.
        return file.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be changed: {error}") from error


def _write(file: Path, text: str) -> None:
    try:
        target = file.resolve()  # a symbolic link to the file stays a link
        # Only the user may read the folder: `env` may hold a token.
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(target, text.encode(), private=True)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error
    except UnicodeEncodeError as error:
        raise ConfigError(f"the value is no text that a file can hold: {error.reason}") from error


def edit_user_file(command: list[str]) -> None:
    """Open the user's file in an editor, and create it first where there is none. Blocks.

    Raises ConfigError when the file cannot be created, and InputError when the editor fails.
    """
    file = user_file()
    if not file.exists():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("# Only what differs from the defaults; see `upsample config show`.\n")
        except OSError as error:
            raise ConfigError(f"{file} cannot be written: {error.strerror}") from error
    edit_file(file, command)
