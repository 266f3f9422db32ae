"""What a video world model is asked to make of a prompt, as far as the prompt must agree with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from backend.sizes import Size

WholeSeconds = Literal["down", "up"]
"""How a length becomes whole seconds."""


@dataclass(frozen=True, slots=True)
class Brief:
    """What a spec itself says of the video or image that is to be made; empty or None where it is silent."""

    mode: str = ""
    """As `Generation.mode`."""
    resolution: str = ""
    """The shorter side, as the spec names it: "720"."""
    aspect_ratio: str = ""
    fps: float | None = None
    frames: int | None = None
    """How many frames it has; 1 for an image."""


@dataclass(frozen=True, slots=True)
class Generation:
    """The video or image that is to be made of a prompt."""

    mode: str
    """"text2image", "text2video", "image2image", "image2video", "video2video" or "transfer"; empty where the
    spec's format does not say."""
    size: Size
    aspect_ratio: str
    """The sides in their simplest numbers: "16,9"."""
    fps: float
    """Frames a second; 0 for an image."""
    seconds: float
    """Length; 0 for an image."""

    def whole_seconds(self, rounding: WholeSeconds) -> int:
        """Return the length in whole seconds; at least 1 for a video."""
        whole = math.floor(self.seconds) if rounding == "down" else math.ceil(self.seconds)
        return max(1, whole) if self.seconds else 0
