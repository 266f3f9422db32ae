"""The interface of an adapter, which reads and rewrites one file format, and the values that it exchanges.

Each adapter is a module with the three functions of `Adapter`. `formats` lists the adapters.
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


class LeftAlone(Exception):
    """An entry is of the adapter's format, but there is no prompt in it to upsample. `str` is the reason."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A new prompt for one entry of a file."""

    prompt: str
    original: str
    """The prompt that was upsampled. Where the file no longer says so, nothing is written."""
    provenance: Mapping[str, Json] | None = None
    """How the prompt was made. Only some formats can store it."""
    negative_prompt: str = ""
    """What the model wants avoided; empty where it was not asked. Only some formats can store it."""


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file to be written."""

    path: Path
    text: str = ""
    """With its own line endings and byte order mark: write it as UTF-8 with newline=""."""
    binary: bytes | None = None
    """The content of a table, in place of a text."""

    @property
    def data(self) -> bytes:
        """The content."""
        return self.text.encode() if self.binary is None else self.binary


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The edits that put a new prompt into its file, and further files that the new file refers to."""

    edits: tuple[Edit, ...]
    files: tuple[OutputFile, ...] = ()


class Adapter(Protocol):
    """One file format."""

    PATHS_FROM_FILE: bool
    """Whether relative paths start at the spec file, and not at the working directory."""

    def recognises(self, entry: Entry, /) -> bool:
        """Whether the keys of the entry are those of this format."""

    def read(self, entry: Entry, cwd: Path, /) -> Spec:
        """Read the entry into a Spec. Raises EntryFault and LeftAlone."""

    def rewrite(self, entry: Entry, new: Replacement, destination: Path, /) -> Rewrite:
        """Return the changes that put the new prompt into the entry, for a file at `destination`."""
