"""The sizes, frame counts and context lengths that the lab looks at."""

from __future__ import annotations

from dataclasses import dataclass

from backend.sizes import CATEGORIES, AspectRatio, Size

CONTEXT_LENGTHS = (4096, 8192, 16384, 32768)
"""Tokens that models are commonly served with (`max_model_len`)."""

FRAME_COUNTS = (1, 2, 4)
QUICK_FRAME_COUNTS = (2,)

PROMPT = "a robotic arm hand over a coffee cup to a woman in a modern office."
"""Of NVIDIA's own example (cosmos_transfer1/auxiliary/upsampler/README.md); 16 tokens of Pixtral's."""


@dataclass(frozen=True, slots=True)
class NamedSize:
    """A size, and what it is known as."""

    name: str
    """ "720 16:9" for one of Cosmos', else empty."""
    size: Size


# Beside Cosmos' sizes, those that users' documents speak of.
_OTHERS = (
    "320x180", "400x225", "426x240", "480x270", "640x360", "854x480", "940x529", "960x540", "1280x720",
    "1920x1080",
)  # fmt: skip
_QUICK = ("320x180", "640x480", "854x480", "940x529", "960x540", "1280x704", "1920x1056")


def all_sizes() -> tuple[NamedSize, ...]:
    """Cosmos' 25 and ten others, the smallest first."""
    cosmos = [
        NamedSize(f"{category} {aspect}", size)
        for category, of_category in CATEGORIES.items()
        for aspect, size in of_category.items()
    ]
    others = [NamedSize("", Size.parse(text)) for text in _OTHERS]
    return tuple(sorted((*cosmos, *others), key=lambda named: named.size.area))


def quick_sizes() -> tuple[NamedSize, ...]:
    """A handful, from far below the limit of 4096 to far above it."""
    return tuple(named for named in all_sizes() if str(named.size) in _QUICK)


BOUNDS = {
    AspectRatio.WIDE: Size(1920, 1080),
    AspectRatio.LANDSCAPE: Size(1440, 1080),
    AspectRatio.SQUARE: Size(1080, 1080),
    AspectRatio.PORTRAIT: Size(1080, 1440),
    AspectRatio.TALL: Size(1080, 1920),
}
"""The videos for which the largest size is looked for, one an aspect ratio: Full HD and its like."""
