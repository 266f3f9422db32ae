"""What a video world model is asked to make of a prompt, as far as the prompt must agree with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from backend.sizes import Size

WholeSeconds = Literal["down", "up"]
"""How a length becomes whole seconds."""


@dataclass(frozen=True, slots=True)
class Generation:
    """The video or image that is to be made of a prompt: a spec's target, with all that it leaves open."""

    mode: str
    """One of `backend.specs.model.Mode`; empty where the spec does not say."""
    size: Size
    aspect_ratio: str
    """The sides in their simplest numbers: "16,9"."""
    fps: float
    """Frames a second; 0 for an image."""
    seconds: float
    """Length; 0 for an image."""
    resolution: str = ""
    """The name of the size among those of the generator: "720"; empty where the size has no name."""
    source: Literal["", "image", "video"] = ""
    """What a transfer is made of beside its controls; empty for the controls alone."""

    def whole_seconds(self, rounding: WholeSeconds) -> int:
        """Return the length in whole seconds; at least 1 for a video."""
        whole = math.floor(self.seconds) if rounding == "down" else math.ceil(self.seconds)
        return max(1, whole) if self.seconds else 0
