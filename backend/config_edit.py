"""Changing config.toml: one key at a time, with comments and order kept, and never to something wrong."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

import tomlkit
import tomlkit.exceptions

from backend.config import Layer, check_layers, user_file
from backend.errors import ConfigError


def set_value(key: str, value: str, file: Path | None = None) -> Path:
    """Write `key` ("upsampling.max_tokens", "boxes.h100.host") and return the file it went to.

    The value is read as TOML where it is TOML (8192, true, ["vllm", "serve"]), else as a string. The
    file is the user's own unless named. Raises ConfigError, and then the file is as it was.
    """
    file = file or user_file()
    document = _read(file)
    *tables, last = key.split(".")
    table: MutableMapping[str, object] = document
    for name in tables:
        inner = table.setdefault(name, tomlkit.table(is_super_table=name == "boxes"))
        if not isinstance(inner, MutableMapping):
            raise ConfigError(f"{key} is no setting: {name} is a value, not a table")
        table = inner
    table[last] = _as_toml(value)
    check_layers([Layer(str(file), document.unwrap())])
    _write(file, document.as_string())
    return file


def _as_toml(text: str) -> object:
    try:
        return tomlkit.value(text)
    except (tomlkit.exceptions.ParseError, ValueError):
        return tomlkit.string(text)


def _read(file: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(file.read_text("utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except (OSError, UnicodeDecodeError, tomlkit.exceptions.ParseError) as error:
        raise ConfigError(f"{file} cannot be changed: {error}") from error


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(dir=file.parent, prefix=file.name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                opened.write(text)
            Path(part).replace(file)
        except OSError:
            with contextlib.suppress(OSError):
                Path(part).unlink()
            raise
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error
