"""Vision tokens: what frames of a size cost, by each model family's own rule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from backend.sizes import Size


class VisionRule(Protocol):
    """What a family of models pays for pictures. Rules are values: hashable, equal when alike."""

    def __hash__(self) -> int: ...

    def vision_tokens(self, size: Size, frames: int) -> int:
        """Tokens that `frames` pictures of this size take together."""

    def accepts(self, size: Size) -> bool:
        """Whether the model takes pictures of this shape at all, however large its context."""


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

    def accepts(self, size: Size) -> bool:
        """Every shape."""
        return True


@dataclass(frozen=True, slots=True)
class SmartResizeRule:
    """The rule of the Qwen-VL families: sides rounded to whole cells, within a least and a greatest area.

    `smart_resize` of transformers and qwen_vl_utils, which vLLM calls: one token a cell, and one before
    and one after each picture. A picture below the least area is enlarged, so a smaller one may cost as
    much as a larger one, or more.
    """

    cell: int
    """Side of a cell in pixels: a patch of 14 or 16, two of which are merged."""
    least: int
    """`min_pixels`: the least area in pixels."""
    greatest: int
    """`max_pixels`: the greatest area in pixels."""
    longest_to_shortest: int = 200
    """A picture whose longer side is more than so many times the shorter one is refused."""

    def resized(self, size: Size) -> Size:
        """The size at which the model looks at a picture of this size."""
        height, width, cell = size.height, size.width, self.cell
        # In exactly this order and in floating point, with Python's rounding of halves to even:
        # another one differs by a cell for some sizes.
        rows, columns = round(height / cell), round(width / cell)
        if rows * columns * cell * cell > self.greatest:
            shrink = math.sqrt((height * width) / self.greatest)
            rows = max(1, math.floor(height / shrink / cell))
            columns = max(1, math.floor(width / shrink / cell))
        elif rows * columns * cell * cell < self.least:
            enlarge = math.sqrt(self.least / (height * width))
            rows = math.ceil(height * enlarge / cell)
            columns = math.ceil(width * enlarge / cell)
        return Size(columns * cell, rows * cell)

    def image_tokens(self, size: Size) -> int:
        """Tokens of one picture, with the ones that mark its start and end."""
        return self.resized(size).area // (self.cell * self.cell) + 2

    def vision_tokens(self, size: Size, frames: int) -> int:
        """Tokens that `frames` pictures of this size take together."""
        return self.image_tokens(size) * frames

    def accepts(self, size: Size) -> bool:
        """False for a strip that is too thin."""
        longer, shorter = max(size.width, size.height), min(size.width, size.height)
        return longer <= self.longest_to_shortest * shorter


@dataclass(frozen=True, slots=True)
class GreatestRule:
    """For a model whose rule is not known: what the costliest of these rules says."""

    rules: tuple[ImageRule | SmartResizeRule, ...]

    def vision_tokens(self, size: Size, frames: int) -> int:
        """Tokens that `frames` pictures of this size are reckoned to take together."""
        return max(rule.vision_tokens(size, frames) for rule in self.rules)

    def accepts(self, size: Size) -> bool:
        """What every one of the rules accepts."""
        return all(rule.accepts(size) for rule in self.rules)


@dataclass(frozen=True, slots=True)
class LinearRule:
    """A rule of thumb: so many tokens a pixel."""

    tokens_per_pixel: float

    def vision_tokens(self, size: Size, frames: int) -> int:
        """Tokens that `frames` pictures of this size are reckoned to take together."""
        return int(size.width * size.height * frames * self.tokens_per_pixel)

    def accepts(self, size: Size) -> bool:
        """Every shape."""
        return True


PIXTRAL = ImageRule(patch=16, longest=1024)
"""Pixtral-12B, and so Cosmos-UpsamplePrompt1-12B-Transfer."""

MISTRAL_SMALL = ImageRule(patch=14, longest=1540, merge=2)
"""Mistral-Small 3.1 and 3.2."""

QWEN2_VL = SmartResizeRule(cell=28, least=56 * 56, greatest=28 * 28 * 16_384)
"""Qwen2-VL and Qwen2.5-VL, and so Cosmos-Reason1-7B: the limits of their preprocessor_config.json."""

QWEN3_VL = SmartResizeRule(cell=32, least=256 * 256, greatest=4096 * 4096)
"""Qwen3-VL: the limits of its preprocessor_config.json."""

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
