"""What a module does to be the adapter of one file format, and what passes between it and its callers.

Each of the seven adapters is a module with these three functions; `formats` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backend.specs.entries import Entry
from backend.specs.json_edit import Edit
from backend.specs.model import Spec
from remote.protocol import Json


class EntryFault(Exception):
    """An entry is of the adapter's format, but cannot be used."""

    def __init__(self, problem: str, key: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.key = key
        """The member at fault, whose line the message names; empty for the whole entry."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A new prompt for one entry of a file."""

    prompt: str
    original: str
    """The prompt that was upsampled. Where the file no longer says so, nothing is written."""
    provenance: Mapping[str, Json] | None = None
    """How the prompt was made, for formats that have a place for it."""


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file to be written."""

    path: Path
    text: str
    """With its own line endings and byte order mark: write it as UTF-8 with newline=""."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What a new prompt changes in its own file, and the files that it needs beside that."""

    edits: tuple[Edit, ...]
    files: tuple[OutputFile, ...] = ()


class Adapter(Protocol):
    """One file format."""

    def recognises(self, entry: Entry, /) -> bool:
        """Whether the entry is meant to be of this format, judged by its keys."""

    def read(self, entry: Entry, cwd: Path, /) -> Spec:
        """The entry as a Spec; raises Fault."""

    def rewrite(self, entry: Entry, new: Replacement, destination: Path, /) -> Rewrite:
        """The changes that put the new prompt into the entry, for a file to be written at `destination`."""
