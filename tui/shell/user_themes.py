"""Reads the themes that users have written: a TOML file each, in the folder `themes` beside their config."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from textual.color import Color, ColorParseError
from textual.theme import Theme

from backend.config.validation import first_complaint
from backend.errors import ConfigError

_MOST = 50
"""How many themes are read."""
_MOST_BYTES = 64 * 1024


class _UserTheme(BaseModel):
    """The colours of a theme: each a name or "#66d9ff". What is not given follows from the others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    primary: str
    secondary: str | None = None
    accent: str | None = None
    warning: str | None = None
    error: str | None = None
    success: str | None = None
    foreground: str | None = None
    background: str | None = None
    surface: str | None = None
    panel: str | None = None
    dark: bool = True

    @field_validator("*")
    @classmethod
    def _check_colour(cls, value: object) -> object:
        if isinstance(value, str):
            try:
                Color.parse(value)
            except ColorParseError:
                raise ValueError(f"{value!r} is no colour") from None
        return value


ReadTheme = Theme | ConfigError
"""A theme, or why a file is none."""


def read_themes(folder: Path) -> Iterator[ReadTheme]:
    """Yield the theme of each TOML file, which has the file's name; an error for a file that is no theme."""
    for file in sorted(folder.glob("*.toml"))[:_MOST]:
        try:
            yield _read(file)
        except ConfigError as error:
            yield error


def _read(file: Path) -> Theme:
    remedy = 'A theme is like: primary = "#66d9ff", and accent, background and others as you like.'
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{file} is too large for a theme", remedy)
        read = tomllib.loads(file.read_text(encoding="utf-8"))
        theme = _UserTheme.model_validate(read)
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise ConfigError(f"{file} is no theme: {first_complaint(error)}", remedy) from error
    except ValueError as error:  # no TOML, or no UTF-8
        raise ConfigError(f"{file} is no theme: {error}", remedy) from error
    return Theme(name=file.stem, **theme.model_dump(exclude_none=True))
