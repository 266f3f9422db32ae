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
    COSMOS3 = "cosmos3"
    PREDICT2 = "predict2"
    PREDICT25 = "predict2.5"
    PROMPT = "prompt"
    TEXT = "text"
    TABLE = "table"
    PIPELINE_PROMPT = "pipeline-prompt"


class Mode(StrEnum):
    """What a generator makes, and of what. The values are those of Cosmos 3, except for the last."""

    TEXT2IMAGE = "text2image"
    TEXT2VIDEO = "text2video"
    IMAGE2IMAGE = "image2image"
    IMAGE2VIDEO = "image2video"
    VIDEO2VIDEO = "video2video"
    TRANSFER = "transfer"
    """A video that follows controls, with or without a source. The files call it video2video or nothing."""

    @property
    def short(self) -> str:
        """The mode as people abbreviate it: "t2v" for text2video. A transfer has no shorter name."""
        of, _, made = self.value.partition("2")
        return f"{of[0]}2{made[0]}" if made else self.value


Kind = tuple[SpecFormat, Mode | None]
"""The format of a spec, and what is to be made with it."""


def kind_text(kind: Kind) -> str:
    """Return a kind in few characters: "cosmos3 t2v"; the format alone where the mode adds nothing."""
    spec_format, mode = kind
    if mode is None or spec_format.startswith(mode):
        return spec_format.value
    return f"{spec_format} {mode.short}"


@dataclass(frozen=True, slots=True)
class Target:
    """The picture or video that is to be made with a prompt, as far as the file says it.

    None means that the file does not say it, or says it in a way that no generator takes. Defaults that
    belong to a generator are not filled in, except where a format's reader says so.
    """

    mode: Mode | None = None
    """The mode that the file names, or that follows from its media where the format has such a rule."""
    fps: float | None = None
    """Frames per second; a whole number is an int, so that it is written without a point."""
    num_frames: int | None = None
    """The number of frames; 1 is a picture."""
    resolution: str | None = None
    """As the file writes it: a class such as "720", or height and width such as "432,768"."""
    aspect_ratio: str | None = None
    """As the file writes it, such as "16,9"."""
    negative_prompt: str | None = None
    """What is not wanted. An empty text is a choice, too: it replaces a generator's default."""


UNSAID = Target()
"""The target of a file that says nothing of it."""


_NO_CONTROLS: Mapping[str, Path] = {}
"""One for all specs without controls: a table may have a million."""


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
    """The prompt as written, with white space around it. It may be empty where there is a video."""
    video: Path | None = None
    """The video or image that the model looks at, resolved by the format's rule; None for plain text."""
    controls: Mapping[str, Path] = field(default_factory=lambda: _NO_CONTROLS)
    """The control videos by control name ("edge", "depth"), resolved by the same rule as `video`. They are in
    the order in which the format's generator takes them."""
    is_upsampled: bool = False
    """Whether the file says that its prompt was upsampled already, or the prompt is a JSON object."""
    prompt_file: Path | None = None
    """The file that contains the prompt (`prompt_path`); None when `file` contains it."""
    written_prompt: str | None = None
    """The upsampled prompt in the file, where `prompt` is the short one that the file keeps beside it; else
    None. Only Cosmos 3 and tables have both."""
    target: Target = UNSAID
    """The picture or video that is to be made with the prompt."""

    @property
    def kind(self) -> Kind:
        """Its format and mode."""
        return self.format, self.target.mode


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or an entry that is left alone, and the reason."""

    file: Path
    reason: str
    entry: int | None = None
    """The entry of a prompt spec in which nothing is to be upsampled, such as a template; None for a file
    that is no prompt spec."""


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
