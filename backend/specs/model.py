"""The values that reading a file returns. They are the same for every file format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from backend.specs.quoting import printable


class SpecFormat(StrEnum):
    """The file formats. The value is the name that users see."""

    PROMPT_SPEC = "prompt-spec"
    TRANSFER1 = "transfer1"
    TRANSFER1_BATCH = "transfer1-batch"
    UPSAMPLER_BATCH = "upsampler-batch"
    TRANSFER25 = "transfer2.5"
    PREDICT2 = "predict2"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Spec:
    """One prompt and its media, read from a whole file or from one entry of a batch file."""

    format: SpecFormat
    file: Path
    """The file, as the user named it or as the search of a folder found it."""
    entry: int
    """Position in a batch file, from 0; 0 in a file that holds one prompt."""
    line: int
    """The line on which the entry starts, from 1. Messages name it."""
    name: str
    """The spec's own name, or one made from the file's name and the entry."""
    prompt: str
    """The prompt as written, with white space around it. It may be empty in formats that allow that."""
    video: Path | None = None
    """The video or image that the model looks at, resolved by the format's rule; None for plain text."""
    controls: Mapping[str, Path] = field(default_factory=dict)
    """The control videos by control name ("edge", "depth"), resolved by the same rule as `video`."""
    is_upsampled: bool = False
    """Whether the file says that its prompt was upsampled already."""
    prompt_file: Path | None = None
    """The text file that contains the prompt (Transfer2.5's `prompt_path`); None when `file` contains it."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is not a prompt spec, and the reason."""

    file: Path
    reason: str


@dataclass(frozen=True, slots=True)
class BrokenSpec:
    """A prompt spec, or an entry of one, that cannot be used. It does not stop the others."""

    file: Path
    line: int
    """The line of the problem, from 1; 0 when the file could not be read."""
    problem: str

    def __str__(self) -> str:
        place = printable(str(self.file))
        return f"{place}:{self.line}: {self.problem}" if self.line else f"{place}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found in files and folders, in the order of the search."""

    specs: tuple[Spec, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    broken: tuple[BrokenSpec, ...] = ()
