"""The entries of `troubles.toml`, checked and with their patterns compiled."""

from __future__ import annotations

import re
import tomllib
from enum import StrEnum
from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict, Field


class EvidenceKind(StrEnum):
    """What the text of an entry proves."""

    CAUSE = "cause"
    """The cause that keeps the engine from starting or from going on."""
    REQUEST = "request"
    """One request was refused; the engine goes on."""
    ECHO = "echo"
    """It only says that something went wrong. It is used when no cause is found."""


class KnownTrouble(BaseModel):
    """One known error, as in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    title: str = Field(min_length=1)
    group: str
    """One of the file's groups."""
    kind: EvidenceKind = EvidenceKind.CAUSE
    patterns: tuple[re.Pattern[str], ...] = Field(min_length=1)
    beside: tuple[re.Pattern[str], ...] = ()
    """Where there are any, one of these must also match the log."""
    exit_codes: tuple[int, ...] = ()
    """Exit codes in the form of Python's subprocess (-9) and of a shell (137)."""
    examples: tuple[str, ...] = Field(min_length=1)
    source: str = Field(min_length=1)
    what: str = Field(min_length=1)
    why: str = Field(min_length=1)
    do: str = Field(min_length=1)

    def found_in(self, lines: str, log: str) -> re.Match[str] | None:
        """Return the last match of the first pattern that matches `lines`; None where none does. `beside` is
        looked for in all of the log.
        """
        if self.beside and not any(pattern.search(log) for pattern in self.beside):
            return None
        for pattern in self.patterns:
            if matches := list(pattern.finditer(lines)):
                return matches[-1]
        return None


class LoginTrouble(BaseModel):
    """A message about a box that is not reached. It is explained on the page only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seen: str = Field(min_length=1)
    why: str = Field(min_length=1)
    do: str = Field(min_length=1)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    groups: tuple[str, ...]
    trouble: tuple[KnownTrouble, ...]
    login: tuple[LoginTrouble, ...]


@cache
def _file() -> _File:
    text = resources.files("backend.troubles").joinpath("troubles.toml").read_text("utf-8")
    raw = tomllib.loads(text)
    for entry in raw["trouble"]:
        for key in ("patterns", "beside"):
            entry[key] = tuple(
                re.compile(pattern, re.IGNORECASE | re.MULTILINE) for pattern in entry.get(key, ())
            )
    return _File.model_validate(raw)


def all_entries() -> tuple[KnownTrouble, ...]:
    """Return all entries. A cause comes before the errors that it leads to."""
    return _file().trouble


def all_groups() -> tuple[str, ...]:
    """Return the groups of entries, in the order of the page."""
    return _file().groups


def login_troubles() -> tuple[LoginTrouble, ...]:
    """Return what is said about boxes that are not reached."""
    return _file().login
