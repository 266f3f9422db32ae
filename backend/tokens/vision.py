"""Vision tokens: what frames of a size cost, by each model family's own rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from backend.resolutions import Size


class VisionRule(Protocol):
    """What a family of models pays for pictures. Rules are values: hashable, equal when alike."""

    def __hash__(self) -> int: ...

    def vision_tokens(self, size: Size, frames: int) -> int:
        """Tokens that `frames` pictures of this size take together."""


@dataclass(frozen=True, slots=True)
class ImageRule:
    """The rule of the Pixtral family: a grid of patches, and one break or end token a row.

    From mistral-common's `ImageEncoder`; vLLM counts the same.
    """

    patch: int
    """Side of a patch in pixels."""
    longest: int
    """A picture with a longer side than this is scaled down to it first, in pixels."""
    merge: int = 1
    """Patches a side that become one token."""

    def grid(self, size: Size) -> tuple[int, int]:
        """Columns and rows of image tokens, without the break tokens."""
        width, height = size.width, size.height
        # Division and rounding in exactly this order: another one differs by a row for some sizes.
        ratio = max(height / self.longest, width / self.longest)
        if ratio > 1:
            # A thin strip would otherwise lose its shorter side altogether.
            width = max(round(width / ratio), 1)
            height = max(round(height / ratio), 1)
        cell = self.patch * self.merge
        return (width - 1) // cell + 1, (height - 1) // cell + 1

    def image_tokens(self, size: Size) -> int:
        """Tokens of one picture."""
        columns, rows = self.grid(size)
        return (columns + 1) * rows

    def vision_tokens(self, size: Size, frames: int) -> int:
        """Tokens that `frames` pictures of this size take together."""
        return self.image_tokens(size) * frames


@dataclass(frozen=True, slots=True)
class LinearRule:
    """A rule of thumb: so many tokens a pixel."""

    tokens_per_pixel: float

    def vision_tokens(self, size: Size, frames: int) -> int:
        """Tokens that `frames` pictures of this size are reckoned to take together."""
        return int(size.width * size.height * frames * self.tokens_per_pixel)


PIXTRAL = ImageRule(patch=16, longest=1024)
"""Pixtral-12B, and so Cosmos-UpsamplePrompt1-12B-Transfer."""

MISTRAL_SMALL = ImageRule(patch=14, longest=1540, merge=2)
"""Mistral-Small 3.1 and 3.2."""

LINEAR = LinearRule(0.0173)
"""The rule in the documents of Cosmos' users. It over-states Pixtral's cost by 4 to 15 times."""


def estimate_tokens(width: int, height: int, frames: int = 2) -> int:
    """The linear rule of thumb: `int(width * height * frames * 0.0173)`.

    Reproduces the users' tables (320×180 → 1,992). For what a model really counts see
    `pixtral_image_tokens`. Raises InputError when a side is below 1.
    """
    return LINEAR.vision_tokens(Size(width, height), frames)


def pixtral_image_tokens(size: Size) -> int:
    """Exact vision tokens of one picture shown to Pixtral."""
    return PIXTRAL.image_tokens(size)
