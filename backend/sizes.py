"""Picture sizes: parses them, lists those that Cosmos is trained on, and bounds them.

This module knows nothing of tokens or of files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from backend.errors import InputError

_SIZE = re.compile(r"([1-9][0-9]{0,5})\s*[xX×]\s*([1-9][0-9]{0,5})")
_SIDE = re.compile(r"([1-9][0-9]{0,5})p?")


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of a picture in pixels, both at least 1. Raises InputError below that."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise InputError(
                f"A picture of {self.width}×{self.height} has no pixels.",
                "Give a width and a height of at least 1.",
            )

    @classmethod
    def parse(cls, text: str) -> Size:
        """Parse a size such as "854x480". Raises InputError."""
        match = _SIZE.fullmatch(text.strip())
        if match is None:
            raise InputError(
                f"{text!r} is not a size.", "Write width x height in pixels, as in 854x480."
            )
        return cls(int(match[1]), int(match[2]))

    @property
    def area(self) -> int:
        """Pixels."""
        return self.width * self.height

    @property
    def even(self) -> Size:
        """The size with odd sides made a pixel shorter, but at least 2, as most videos need it."""
        return Size(max(2, self.width & ~1), max(2, self.height & ~1))

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class AspectRatio(StrEnum):
    """The shapes that Cosmos is trained on; the value is the name in its documents."""

    WIDE = "16:9"
    LANDSCAPE = "4:3"
    SQUARE = "1:1"
    PORTRAIT = "3:4"
    TALL = "9:16"

    @property
    def ratio(self) -> float:
        """Width over height."""
        width, height = self.value.split(":")
        return int(width) / int(height)


def _parse_row(sizes: str) -> Mapping[AspectRatio, Size]:
    """Parse the sizes of one category, given in the order of AspectRatio."""
    pairs = zip(AspectRatio, map(Size.parse, sizes.split()), strict=True)
    return MappingProxyType(dict(pairs))


CATEGORIES: Mapping[int, Mapping[AspectRatio, Size]] = MappingProxyType(
    {
        1080: _parse_row("1920x1056 1440x1056 1024x1024 1056x1440 1056x1920"),
        720: _parse_row("1280x704 960x704 960x960 704x960 704x1280"),
        512: _parse_row("640x384 640x512 512x512 512x640 384x640"),
        480: _parse_row("768x432 640x480 480x480 480x640 432x768"),
        256: _parse_row("320x192 320x256 256x256 256x320 192x320"),
    }
)
"""The sizes that Cosmos-Transfer1 works at, by category ("720p" is 720) and aspect ratio."""

COSMOS3_SIZES: Mapping[int, Mapping[AspectRatio, Size]] = MappingProxyType(
    {
        768: _parse_row("1360x768 1184x880 1024x1024 880x1184 768x1360"),
        720: _parse_row("1280x720 1104x832 960x960 832x1104 720x1280"),
        480: _parse_row("832x480 736x544 640x640 544x736 480x832"),
        256: _parse_row("320x192 320x256 256x256 256x320 192x320"),
    }
)
"""The sizes that Cosmos 3 makes, by the `resolution` of a spec and its aspect ratio."""


def detect_aspect_ratio(width: int, height: int) -> AspectRatio:
    """Return the aspect ratio with the least squared distance to width / height.

    This is the rule by which Cosmos-Transfer1 sorts its inputs. Raises InputError when a side is
    below 1.
    """
    size = Size(width, height)
    return min(AspectRatio, key=lambda aspect: (aspect.ratio - size.width / size.height) ** 2)


@dataclass(frozen=True, slots=True)
class Bound:
    """How large a picture may be. A side that is None is not limited; `Bound()` limits nothing."""

    width: int | None = None
    """Greatest width in pixels."""
    height: int | None = None
    """Greatest height in pixels."""
    shorter: int | None = None
    """Greatest length of the shorter side in pixels, as in "480p"."""

    @classmethod
    def parse(cls, text: str) -> Bound:
        """Parse a bounding box ("854x480"), the shorter side ("480" or "480p"), or no bound ("").

        Raises InputError.
        """
        text = text.strip()
        if not text:
            return cls()
        if side := _SIDE.fullmatch(text):
            return cls(shorter=int(side[1]))
        try:
            size = Size.parse(text)
        except InputError:
            raise InputError(
                f"{text!r} is not a greatest resolution.",
                'Write a box as in 854x480, the shorter side as in 480, or "" for no bound.',
            ) from None
        return cls(width=size.width, height=size.height)

    def allows(self, size: Size) -> bool:
        """Whether a picture of this size lies within the bound."""
        return (
            (self.width is None or size.width <= self.width)
            and (self.height is None or size.height <= self.height)
            and (self.shorter is None or min(size.width, size.height) <= self.shorter)
        )

    def and_within(self, other: Bound) -> Bound:
        """Return the bound that allows what both allow."""
        return Bound(
            width=_smaller(self.width, other.width),
            height=_smaller(self.height, other.height),
            shorter=_smaller(self.shorter, other.shorter),
        )

    def __str__(self) -> str:
        if self.shorter is not None:
            return str(self.shorter)
        return f"{self.width}x{self.height}" if self.width is not None else ""


def _smaller(one: int | None, other: int | None) -> int | None:
    limits = [limit for limit in (one, other) if limit is not None]
    return min(limits, default=None)


UNBOUNDED = Bound()
