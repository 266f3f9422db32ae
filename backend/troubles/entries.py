"""The entries of `troubles.toml`, checked and with their patterns compiled."""

from __future__ import annotations

import re
import tomllib
from enum import StrEnum
from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict, Field


class EvidenceKind(StrEnum):
    """What the words of an entry are evidence of."""

    CAUSE = "cause"
    """Something that keeps the engine from starting or going on."""
    REQUEST = "request"
    """One request was refused; the engine goes on."""
    ECHO = "echo"
    """Only says that something went wrong; told when no cause is found."""


class KnownTrouble(BaseModel):
    """One trouble, as it stands in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    title: str = Field(min_length=1)
    group: str
    """One of the file's groups."""
    kind: EvidenceKind = EvidenceKind.CAUSE
    patterns: tuple[re.Pattern[str], ...] = Field(min_length=1)
    beside: tuple[re.Pattern[str], ...] = ()
    """One of these must be in the log too, unless there are none."""
    exit_codes: tuple[int, ...] = ()
    """As Python's subprocess gives them (-9) and as a shell does (137)."""
    examples: tuple[str, ...] = Field(min_length=1)
    source: str = Field(min_length=1)
    what: str = Field(min_length=1)
    why: str = Field(min_length=1)
    do: str = Field(min_length=1)

    def found_in(self, log: str) -> re.Match[str] | None:
        """Where `log` speaks of this trouble: the last place of the first pattern that does."""
        if self.beside and not any(pattern.search(log) for pattern in self.beside):
            return None
        for pattern in self.patterns:
            if matches := list(pattern.finditer(log)):
                return matches[-1]
        return None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    groups: tuple[str, ...]
    trouble: tuple[KnownTrouble, ...]


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
    """Every trouble; a cause comes before what it leads to."""
    return _file().trouble


def all_groups() -> tuple[str, ...]:
    """The sections of the page, in its order."""
    return _file().groups
