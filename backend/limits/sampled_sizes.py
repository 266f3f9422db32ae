"""The sizes, frame counts and context lengths of a report."""

from __future__ import annotations

from dataclasses import dataclass

from backend.sizes import CATEGORIES, AspectRatio, Size

CONTEXT_LENGTHS = (4096, 8192, 16384, 32768)
"""Context lengths (`max_model_len`), in tokens, that are commonly used."""

FRAME_COUNTS = (1, 2, 4)
QUICK_FRAME_COUNTS = (2,)

PROMPT = "a robotic arm hand over a coffee cup to a woman in a modern office."
"""The prompt of NVIDIA's example (cosmos_transfer1/auxiliary/upsampler/README.md): 16 Pixtral tokens."""


@dataclass(frozen=True, slots=True)
class NamedSize:
    """A size and its name."""

    name: str
    """The category and aspect ratio of a Cosmos size ("720 16:9"); empty for other sizes."""
    size: Size


# Other sizes, from users' documents.
_OTHERS = (
    "320x180", "400x225", "426x240", "480x270", "640x360", "854x480", "940x529", "960x540", "1280x720",
    "1920x1080",
)  # fmt: skip
_QUICK = ("320x180", "640x480", "854x480", "940x529", "960x540", "1280x704", "1920x1056")


def all_sizes() -> tuple[NamedSize, ...]:
    """Return the 25 Cosmos sizes and ten others, smallest first."""
    cosmos = [
        NamedSize(f"{category} {aspect}", size)
        for category, of_category in CATEGORIES.items()
        for aspect, size in of_category.items()
    ]
    others = [NamedSize("", Size.parse(text)) for text in _OTHERS]
    return tuple(sorted((*cosmos, *others), key=lambda named: named.size.area))


def quick_sizes() -> tuple[NamedSize, ...]:
    """Return a few sizes, from far below the limit of 4096 tokens to far above it."""
    return tuple(named for named in all_sizes() if str(named.size) in _QUICK)


BOUNDS = {
    AspectRatio.WIDE: Size(1920, 1080),
    AspectRatio.LANDSCAPE: Size(1440, 1080),
    AspectRatio.SQUARE: Size(1080, 1080),
    AspectRatio.PORTRAIT: Size(1080, 1440),
    AspectRatio.TALL: Size(1080, 1920),
}
"""The video size of each aspect ratio for which the largest size is found: Full HD and similar."""
