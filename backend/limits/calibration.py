"""Saves the last measurement of a box, so that the commands and the app can show it beside our count.

There is one file for each box, model and profile, in the user's data folder. It holds the vision tokens of
each size that was measured, so that they can be shown for any prompt. Functions that read or write files
block.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import platformdirs
from pydantic import BaseModel, ConfigDict, ValidationError

from backend.config import Settings, load_profile
from backend.errors import ResultError
from backend.files import write_whole
from backend.limits.measurement import Measurement
from backend.sizes import Size
from backend.tokens import Budget, GreatestRule, VisionRule


class Sample(BaseModel):
    """The vision tokens of some frames of one size, as a box counted them."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    width: int
    height: int
    frames: int
    vision: int
    """The tokens of all frames together."""

    @property
    def size(self) -> Size:
        """The width and height of a frame."""
        return Size(self.width, self.height)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A size for which a box counts other tokens than we do."""

    sample: Sample
    counted: int
    """The vision tokens by our rule."""

    @property
    def difference(self) -> int:
        """The tokens by which the box counts more than we do."""
        return self.sample.vision - self.counted


class Calibration(BaseModel):
    """The part of a measurement that the commands and the app use."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    box: str
    model: str
    profile: str
    engine: str
    ended: float
    """Unix time."""
    max_model_len: int
    samples: tuple[Sample, ...]

    def vision_tokens(self, size: Size | None, frames: int) -> int | None:
        """Return the measured vision tokens of frames of this size; None when it was not measured."""
        for sample in self.samples:
            if sample.frames == frames and sample.size == size:
                return sample.vision
        return None

    def prompt_tokens(self, size: Size | None, frames: int, budget: Budget) -> int | None:
        """Return the prompt tokens that the box would count for a budget; None when the size was
        not measured."""
        vision = self.vision_tokens(size, frames)
        return None if vision is None else vision + budget.text + budget.overhead

    def disagreements(self) -> tuple[Disagreement, ...]:
        """Return the sizes for which the profile's rule is wrong. Raises ConfigError.

        An upper estimate is wrong only where the box counts more.
        """
        rule: VisionRule = load_profile(self.profile).family.rule
        found = (Disagreement(s, rule.vision_tokens(s.size, s.frames)) for s in self.samples)
        if isinstance(rule, GreatestRule):
            return tuple(each for each in found if each.difference > 0)
        return tuple(each for each in found if each.difference)

    @property
    def source(self) -> str:
        """Where and when it was measured: "h100, vllm 0.8.1, 2026-11-25"."""
        date = datetime.fromtimestamp(self.ended, UTC).date()
        return f"{self.box}, {self.engine or 'unknown engine'}, {date}"

    def warning(self) -> str:
        """Return a warning that our count is wrong; empty when it agrees with the box."""
        wrong = self.disagreements()
        if not wrong:
            return ""
        worst = max(wrong, key=lambda each: abs(each.difference))
        return (
            f"{len(wrong)} of {len(self.samples)} sizes that were measured ({self.source}) cost other than "
            f"counted, by up to {abs(worst.difference):,} tokens: {worst.sample.frames} of "
            f"{worst.sample.size} take {worst.sample.vision:,}, and {worst.counted:,} are counted"
        )


def make_calibration(measurement: Measurement) -> Calibration:
    """Extract the vision tokens from a measurement: the tokens of each size without those of the prompt."""
    alone = next(row for row in measurement.rows if row.size is None)
    without = alone.reply.prompt_tokens or alone.budget.prompt_tokens
    told = [(row.size, row.frames, row.reply.prompt_tokens) for row in measurement.rows]
    for each in measurement.confirmed:
        told.append((each.accepted, each.frames, each.accepted_tokens))
        if each.sent_reply is not None:
            told.append((each.sent, each.frames, each.sent_reply.prompt_tokens))
    samples = {
        (size, frames): Sample(
            width=size.width, height=size.height, frames=frames, vision=tokens - without
        )
        for size, frames, tokens in told
        if size is not None and tokens is not None
    }
    return Calibration(
        box=measurement.box,
        model=measurement.model,
        profile=measurement.profile,
        engine=measurement.engine,
        ended=measurement.ended,
        max_model_len=measurement.max_model_len,
        samples=tuple(samples.values()),
    )


def save_calibration(calibration: Calibration) -> Path:
    """Save a calibration in place of the one before, and return its file. Raises ResultError.

    Earlier samples of other sizes by the same engine are kept, because they do not depend on the context.
    """
    file = _file(calibration.box, calibration.model, calibration.profile)
    before = _read(file)
    if before is not None and before.engine == calibration.engine:
        asked = {(sample.size, sample.frames) for sample in calibration.samples}
        kept = [s for s in before.samples if (s.size, s.frames) not in asked]
        calibration = calibration.model_copy(update={"samples": (*calibration.samples, *kept)})
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, calibration.model_dump_json(indent=1).encode() + b"\n")
    except OSError as error:
        raise ResultError(f"{file} cannot be written: {error.strerror}") from error
    return file


def find_calibration(settings: Settings) -> Calibration | None:
    """Load the calibration of the chosen box, its model and the chosen profile; None when there is none."""
    if settings.box not in settings.boxes:
        return None
    model = settings.boxes[settings.box].model
    return _read(_file(settings.box, model, settings.profile.name))


def measuring_folder(box: str, model: str, profile: str) -> Path:
    """Return the folder in which a measurement keeps its files until it is done."""
    return _folder() / f"measuring-{_key(box, model, profile)}"


def _read(file: Path) -> Calibration | None:
    try:
        return Calibration.model_validate_json(file.read_text("utf-8"))
    except (OSError, ValidationError):
        return None  # a missing or damaged file counts as no calibration


def _file(box: str, model: str, profile: str) -> Path:
    return _folder() / f"{_key(box, model, profile)}.json"


def _folder() -> Path:
    return platformdirs.user_data_path("upsample") / "limits"


def _key(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
