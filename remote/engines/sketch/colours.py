"""What a colour is called: the nearest of a few names in OKLab."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import hypot


@dataclass(frozen=True)
class OkLab:
    """A colour in OKLab, where equal distances look about equally different."""

    light: float
    """0 is black, 1 is white."""
    a: float
    """Green below 0, red above; about -0.3 to 0.3."""
    b: float
    """Blue below 0, yellow above; about -0.3 to 0.3."""

    @property
    def chroma(self) -> float:
        """0 is gray; the strongest colours of a screen reach 0.3."""
        return hypot(self.a, self.b)


NAMED = {
    "black": (12, 12, 13),
    "charcoal": (58, 60, 63),
    "dark gray": (92, 92, 93),
    "gray": (135, 135, 135),
    "warm gray": (156, 143, 126),
    "light gray": (192, 193, 194),
    "white": (246, 246, 246),
    "slate blue": (82, 100, 122),
    "red": (215, 35, 35),
    "dark red": (110, 22, 25),
    "pink": (240, 160, 180),
    "orange": (240, 135, 30),
    "rust": (170, 80, 40),
    "brown": (95, 65, 42),
    "tan": (190, 160, 122),
    "beige": (226, 212, 188),
    "cream": (246, 241, 218),
    "yellow": (245, 222, 50),
    "gold": (200, 160, 40),
    "olive": (112, 112, 42),
    "lime green": (130, 225, 50),
    "green": (45, 155, 60),
    "dark green": (24, 72, 40),
    "sage green": (155, 176, 152),
    "pale green": (165, 205, 165),
    "teal": (20, 125, 125),
    "cyan": (60, 220, 230),
    "sky blue": (130, 185, 230),
    "pale blue": (195, 215, 232),
    "blue": (35, 80, 215),
    "navy": (6, 8, 105),
    "purple": (110, 50, 150),
    "lavender": (185, 170, 220),
    "magenta": (220, 40, 190),
}
"""sRGB, 0 to 255, of each name."""

_HUE_WEIGHT = 3.0
"""A difference in hue changes a colour's name sooner than one in lightness."""


@cache
def to_lab(red: int, green: int, blue: int) -> OkLab:
    """OKLab of an sRGB colour, 0 to 255 a channel (Ottosson, https://bottosson.github.io/posts/oklab)."""
    r, g, b = _linear(red), _linear(green), _linear(blue)
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    medium = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return OkLab(
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


@cache
def name_colour(red: int, green: int, blue: int) -> str:
    """The name in NAMED that is nearest to an sRGB colour, 0 to 255 a channel."""
    colour = to_lab(red, green, blue)
    return min(NAMED, key=lambda name: _distance(colour, to_lab(*NAMED[name])))


def _distance(one: OkLab, other: OkLab) -> float:
    hue = _HUE_WEIGHT * hypot(one.a - other.a, one.b - other.b)
    return hypot(one.light - other.light, hue)


def _linear(value: int) -> float:
    """sRGB's transfer function undone (IEC 61966-2-1)."""
    share = value / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
