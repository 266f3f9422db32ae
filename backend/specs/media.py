"""Which of a spec's videos the model looks at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from backend.specs.fields import CONTROLS
from backend.specs.model import Spec

_RGB = "rgb"


class Media(StrEnum):
    """What the setting `media` asks for."""

    RGB = "rgb"
    """The RGB video; where there is none, the control that stands in for it."""
    CONTROL = "control"
    """The first control video (vis, edge, seg, depth …); where there is none, the RGB video."""
    BOTH = "both"
    """Frames of the RGB video, then as many of the control."""


@dataclass(frozen=True, slots=True)
class ShownMedia:
    """The videos that the model is shown."""

    video: Path | None
    """None for a prompt without one."""
    control: Path | None = None
    """A second one, shown after the first and at its size; most often None."""
    names: str = ""
    """What they are: "rgb", the name of a control, both as in "rgb+edge", or "" for none."""


def choose_media(spec: Spec, media: Media) -> ShownMedia:
    """The videos of a spec that the model is shown under this setting."""
    control = next((name for name in CONTROLS if name in spec.controls), None)
    if spec.video is None or control is None:
        return ShownMedia(spec.video, names=_RGB if spec.video else "")
    first = spec.controls[control]
    if media is Media.CONTROL or spec.video == first:
        # The second: it stands in for an RGB video that the spec does not have.
        return ShownMedia(first, names=control)
    if media is Media.BOTH:
        return ShownMedia(spec.video, first, f"{_RGB}+{control}")
    return ShownMedia(spec.video, names=_RGB)
