"""What every prompt spec is once it is read, whichever of the seven file formats it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from backend.specs.quoting import printable


class SpecFormat(StrEnum):
    """The file formats that users have; the value is the name shown to them."""

    PROMPT_SPEC = "prompt-spec"
    TRANSFER1 = "transfer1"
    TRANSFER1_BATCH = "transfer1-batch"
    UPSAMPLER_BATCH = "upsampler-batch"
    TRANSFER25 = "transfer2.5"
    PREDICT2 = "predict2"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Spec:
    """One prompt and the media it belongs to: a whole file, or one entry of a batch file."""

    format: SpecFormat
    file: Path
    """The file as the user named it or as the walk found it."""
    entry: int
    """Position in a batch file, from 0; 0 in a file that holds one prompt."""
    line: int
    """Line on which the entry starts, from 1; for messages."""
    name: str
    """The spec's own name, or one made from the file's name and the entry."""
    prompt: str
    """As written, unstripped; may be empty where the format allows it."""
    video: Path | None = None
    """The video or image that the model looks at, resolved by the format's own rule; None for text."""
    controls: Mapping[str, Path] = field(default_factory=dict)
    """Control videos by control name ("edge", "depth"), resolved as `video` is."""
    is_upsampled: bool = False
    """True when the file itself says that its prompt was upsampled already."""
    prompt_file: Path | None = None
    """The text file that holds the prompt (Transfer2.5's `prompt_path`); None when it is in `file`."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is no prompt spec."""

    file: Path
    reason: str


@dataclass(frozen=True, slots=True)
class BrokenSpec:
    """A prompt spec (or an entry of one) that cannot be used. The others go on."""

    file: Path
    line: int
    """From 1; 0 when the file could not be read at all."""
    problem: str

    def __str__(self) -> str:
        place = printable(str(self.file))
        return f"{place}:{self.line}: {self.problem}" if self.line else f"{place}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found in the given files and folders, in walking order."""

    specs: tuple[Spec, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    broken: tuple[BrokenSpec, ...] = ()
