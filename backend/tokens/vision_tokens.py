"""Counts vision tokens: how many tokens frames of a size take, by each model family's rule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from backend.sizes import Size


class VisionRule(Protocol):
    """The rule by which a model family counts pictures. Rules are hashable and are compared by value."""

    def __hash__(self) -> int: ...

    def vision_tokens(self, size: Size, frames: int) -> int:
        """Tokens that `frames` pictures of this size take together."""

    def accepts(self, size: Size) -> bool:
        """Whether the model accepts pictures of this shape, regardless of its context length."""

    def seen_size(self, size: Size) -> Size:
        """The size at which the model looks at a picture that is larger than it can look at.

        Otherwise it is the picture's own size. A picture of either size takes the same tokens, so
        nothing is gained by sending more pixels than these.
        """


@dataclass(frozen=True, slots=True)
class ImageRule:
    """The rule of the Pixtral family: one token for each patch, and one break or end token for each row.

    From mistral-common's `ImageEncoder`; vLLM counts the same.
    """

    patch: int
    """Side of a patch in pixels."""
    longest: int
    """The longest side in pixels. A larger picture is first scaled down to it."""
    merge: int = 1
    """A square of this many patches on each side becomes one token."""

    def grid(self, size: Size) -> tuple[int, int]:
        """Return the columns and rows of image tokens, without the break tokens."""
        seen = self.seen_size(size)
        cell = self.patch * self.merge
        return (seen.width - 1) // cell + 1, (seen.height - 1) // cell + 1

    def seen_size(self, size: Size) -> Size:
        """Scale a picture down to the longest side."""
        # Keep the order of division and rounding: another order differs by a row for some sizes.
        ratio = max(size.height / self.longest, size.width / self.longest)
        if ratio <= 1:
            return size
        # Without this, the shorter side of a thin strip would become 0.
        return Size(max(round(size.width / ratio), 1), max(round(size.height / ratio), 1))

    def image_tokens(self, size: Size) -> int:
        """Tokens of one picture."""
        columns, rows = self.grid(size)
        return (columns + 1) * rows

    def vision_tokens(self, size: Size, frames: int) -> int:
        """Tokens that `frames` pictures of this size take together."""
        return self.image_tokens(size) * frames

    def accepts(self, size: Size) -> bool:
        """Accept every shape."""
        return True


@dataclass(frozen=True, slots=True)
class SmartResizeRule:
    """The rule of the Qwen-VL families: pictures are resized to whole cells, within bounds on their area.

    It is `smart_resize` of transformers and qwen_vl_utils, which vLLM calls. Each cell takes one token, and
    each picture takes two more, for its start and its end. A picture below the least area is enlarged, so a
    smaller picture may take as many tokens as a larger one, or more.
    """

    cell: int
    """Side of a cell in pixels: two patches of 14 or 16."""
    least: int
    """`min_pixels`: the least area in pixels."""
    greatest: int
    """`max_pixels`: the greatest area in pixels."""
    longest_to_shortest: int = 200
    """The greatest ratio of the longer to the shorter side. Beyond it, a picture is refused."""

    def resized(self, size: Size) -> Size:
        """Return the size to which the model resizes a picture of this size."""
        height, width, cell = size.height, size.width, self.cell
        # Keep this order, in floating point, with Python's rounding of halves to even: anything else
        # differs by a cell for some sizes.
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
        """Tokens of one picture, including those that mark its start and end."""
        return self.resized(size).area // (self.cell * self.cell) + 2

    def vision_tokens(self, size: Size, frames: int) -> int:
        """Tokens that `frames` pictures of this size take together."""
        return self.image_tokens(size) * frames

    def accepts(self, size: Size) -> bool:
        """False for a strip that is too thin."""
        longer, shorter = max(size.width, size.height), min(size.width, size.height)
        return longer <= self.longest_to_shortest * shorter

    def seen_size(self, size: Size) -> Size:
        """Scale a picture down to the greatest area."""
        return self.resized(size) if size.area > self.greatest else size


@dataclass(frozen=True, slots=True)
class GreatestRule:
    """The greatest count by several rules, for a model whose rule is not known."""

    rules: tuple[ImageRule | SmartResizeRule, ...]

    def vision_tokens(self, size: Size, frames: int) -> int:
        """Tokens that `frames` pictures of this size take together, by estimate."""
        return max(rule.vision_tokens(size, frames) for rule in self.rules)

    def accepts(self, size: Size) -> bool:
        """Whether all of the rules accept the shape."""
        return all(rule.accepts(size) for rule in self.rules)

    def seen_size(self, size: Size) -> Size:
        """Scale a picture down to the most that one of the rules looks at."""
        return max((rule.seen_size(size) for rule in self.rules), key=lambda seen: seen.area)


@dataclass(frozen=True, slots=True)
class FixedRule:
    """A rule by which each picture takes the same tokens, whatever its size."""

    tokens: int
    rule: VisionRule
    """The rule by whose sizes pictures are accepted and made smaller."""

    def vision_tokens(self, size: Size, frames: int) -> int:
        """Tokens that `frames` pictures take together."""
        return self.tokens * frames

    def accepts(self, size: Size) -> bool:
        """Whether the rule below accepts the shape."""
        return self.rule.accepts(size)

    def seen_size(self, size: Size) -> Size:
        """Scale a picture down as the rule below does."""
        return self.rule.seen_size(size)


@dataclass(frozen=True, slots=True)
class ScaledRule:
    """A rule by which pictures take a multiple of what another rule counts."""

    factor: float
    rule: VisionRule

    def vision_tokens(self, size: Size, frames: int) -> int:
        """Tokens that `frames` pictures of this size take together, rounded up."""
        return math.ceil(self.rule.vision_tokens(size, frames) * self.factor - 1e-6)

    def accepts(self, size: Size) -> bool:
        """Whether the rule below accepts the shape."""
        return self.rule.accepts(size)

    def seen_size(self, size: Size) -> Size:
        """Scale a picture down as the rule below does."""
        return self.rule.seen_size(size)


@dataclass(frozen=True, slots=True)
class LinearRule:
    """A rule of thumb: a fixed number of tokens for each pixel."""

    tokens_per_pixel: float

    def vision_tokens(self, size: Size, frames: int) -> int:
        """Tokens that `frames` pictures of this size take together, by estimate."""
        return int(size.width * size.height * frames * self.tokens_per_pixel)

    def accepts(self, size: Size) -> bool:
        """Accept every shape."""
        return True

    def seen_size(self, size: Size) -> Size:
        """Scale nothing down: the rule of thumb knows no greatest size."""
        return size


PIXTRAL = ImageRule(patch=16, longest=1024)
"""Pixtral-12B, and so Cosmos-UpsamplePrompt1-12B-Transfer."""

MISTRAL_SMALL = ImageRule(patch=14, longest=1540, merge=2)
"""Mistral-Small 3.1 and 3.2."""

QWEN2_VL = SmartResizeRule(cell=28, least=56 * 56, greatest=28 * 28 * 16_384)
"""Qwen2-VL and Qwen2.5-VL, and so Cosmos-Reason1-7B: the limits of their preprocessor_config.json."""

QWEN3_VL = SmartResizeRule(cell=32, least=256 * 256, greatest=4096 * 4096)
"""Qwen3-VL: the limits of its preprocessor_config.json."""

LINEAR = LinearRule(0.0173)
"""The rule in the documents of Cosmos' users. It over-states Pixtral's tokens by 4 to 15 times."""


def estimate_tokens(width: int, height: int, frames: int = 2) -> int:
    """The linear rule of thumb: `int(width * height * frames * 0.0173)`.

    It reproduces the users' tables (320×180 → 1,992). `pixtral_image_tokens` counts exactly. Raises
    InputError when a side is below 1.
    """
    return LINEAR.vision_tokens(Size(width, height), frames)


def pixtral_image_tokens(size: Size) -> int:
    """Exact vision tokens of one picture shown to Pixtral."""
    return PIXTRAL.image_tokens(size)
