"""Says what a report tells of each prompt and its results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backend.results.lints import Lint
from backend.results.report.how_made import HowMade
from backend.results.word_diff import words
from backend.specs.json_prompts import said_in
from backend.store.decision import Decision
from backend.video import FrameSampling


@dataclass(frozen=True, slots=True)
class ReportedResult:
    """One upsampled prompt."""

    number: int | None
    """The number of its job; None for a result that was read from a file."""
    decision: Decision | None
    """What was decided about it; None where nothing tells it."""
    text: str
    lints: tuple[Lint, ...]
    """The gravest first."""
    made: HowMade

    @property
    def word_count(self) -> int:
        """Words and punctuation marks; of a JSON object, those of its values."""
        return sum(len(words(part)) for part in said_in(self.text))


@dataclass(frozen=True, slots=True)
class ReportedPrompt:
    """A prompt, what was shown with it, and its results."""

    name: str
    original: str | None
    """The prompt that was upsampled; None where the files do not tell it."""
    file: Path
    """The file that holds the result, or is to hold it."""
    entry: int
    """The prompt's position in that file, from 0."""
    media: tuple[Path, ...]
    """The videos and pictures that were shown, in their order; an address as a path holds it."""
    fps: float | None
    """The frame rate of media that are a sequence of pictures; None where the spec says none."""
    sampling: FrameSampling
    """How the frames were chosen."""
    token_limit: int | None
    """The most tokens that prompt and frames could have; None where nothing tells it."""
    results: tuple[ReportedResult, ...]
    """At least one, oldest first."""


@dataclass(frozen=True, slots=True)
class Reported:
    """All that a report tells."""

    prompts: tuple[ReportedPrompt, ...]
    troubles: tuple[str, ...] = ()
    """Messages about results that could not be read."""

    @property
    def results(self) -> list[ReportedResult]:
        """The results of all prompts, in their order."""
        return [result for prompt in self.prompts for result in prompt.results]
