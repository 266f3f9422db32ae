"""Colours of a video that a screen cannot show as they are: HDR, wide gamuts, and what is transparent.

Phones film HLG by default, and in BT.2020. Its numbers, taken for those of an ordinary video, give a brown
and pale picture. `screen_filters` says by which filters of ffmpeg it becomes what a person sees on an
ordinary screen: a table from the numbers to light, a matrix from one red, green and blue to the other, and
a table back to numbers. Every ffmpeg has these filters, PyAV's included. Transparent parts become white, as
on a page: the colours that are stored for them mean nothing. Everything is decided by what the file says of
itself; where it says nothing, nothing is changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

LIGHT_TABLE, SCREEN_TABLE = "light.cube", "screen.cube"
"""The names of the files that `write_tables` writes."""
_STEPS = 8192
"""Entries of a table. 10-bit videos have 1024 steps."""

_WHITE = 203.0
"""The brightness of white paper in an HDR picture in cd/m² (ITU-R BT.2408). It becomes almost white."""
_HLG_WHITE = 0.75
"""The same in an HLG picture, as a number."""
_BRIGHTEST = 5.0
"""The light that is told from brighter light, in parts of white: 1000 cd/m²."""
_KNEE = 0.8
"""From this part of white on, what is brighter is pressed together, so that lamps do not become flat."""
_SYSTEM_GAMMA = 1.2
"""How a camera and a screen together raise the contrast of a scene. HLG holds the light of the scene; in an
ordinary video and in PQ, the camera has done its part."""
_GAMMA = 2.4
"""The curve of an ordinary video on its screen (ITU-R BT.1886)."""
_TOE = 0.006
"""Below this part of white, the curve is a line, as in sRGB: else faults of the compression are lit up."""

_SMALL = 128
"""The side, in pixels, of the small picture in which transparent parts are looked for."""

_Triple = tuple[float, float, float]


class Curve(StrEnum):
    """How the numbers of a picture stand for light."""

    PQ = "pq"
    """SMPTE ST 2084, of HDR10 and Dolby Vision."""
    HLG = "hlg"
    """ARIB STD-B67, of phones and broadcasts."""
    SDR = "sdr"
    """An ordinary video."""


class Gamut(StrEnum):
    """Which red, green and blue a picture is made of."""

    BT709 = "bt709"
    """That of ordinary screens, or one that is close to it."""
    BT2020 = "bt2020"
    P3 = "p3"
    """Display P3."""


_CURVES = {16: Curve.PQ, 18: Curve.HLG} | dict.fromkeys((1, 6, 13, 14, 15), Curve.SDR)
"""By ITU-T H.273's number of the transfer characteristics."""
_GAMUTS = {9: Gamut.BT2020, 12: Gamut.P3}
"""By ITU-T H.273's number of the colour primaries."""

_BT2020_MATRICES = (9, 10)
"""By ITU-T H.273's number of the matrix coefficients."""

_TO_BT709: dict[Gamut, tuple[_Triple, _Triple, _Triple]] = {
    Gamut.BT709: ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    Gamut.BT2020: (
        (1.660491, -0.587641, -0.072850),
        (-0.124550, 1.132900, -0.008349),
        (-0.018151, -0.100579, 1.118730),
    ),
    Gamut.P3: (
        (1.224940, -0.224940, 0.0),
        (-0.042057, 1.042057, 0.0),
        (-0.019638, -0.078636, 1.098274),
    ),
}


@dataclass(frozen=True, slots=True)
class Colours:
    """Colours that are not those of an ordinary screen."""

    curve: Curve
    gamut: Gamut
    is_transparent: bool = False
    """Whether the first frame is transparent somewhere."""

    @classmethod
    def of(cls, frame: VideoFrame) -> Self | None:
        """Return the colours of a decoded frame; None where they can be shown as they are, or are unknown."""
        curve = _CURVES.get(int(frame.color_trc))
        gamut = _GAMUTS.get(int(frame.color_primaries), Gamut.BT709)
        if curve is None:
            curve, gamut = Curve.SDR, Gamut.BT709
        found = cls(curve, gamut, _is_transparent(frame))
        return None if found == cls(Curve.SDR, Gamut.BT709) else found

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse what `str` returns. Raises ValueError."""
        curve, gamut, *on_white = name.split("-")
        return cls(Curve(curve), Gamut(gamut), bool(on_white))

    def __str__(self) -> str:
        return f"{self.curve}-{self.gamut}{'-white' if self.is_transparent else ''}"


def is_perhaps_hdr(frame: VideoFrame) -> bool:
    """Whether a frame is of BT.2020 in more than 8 bits, and its file does not say by which curve.

    It may be PQ, HLG or an ordinary video, and nothing in it tells which.
    """
    is_wide = int(frame.colorspace) in _BT2020_MATRICES or int(frame.color_primaries) == 9
    is_named = int(frame.color_trc) in _CURVES
    return is_wide and not is_named and frame.format.components[0].bits > 8


def _is_transparent(frame: VideoFrame) -> bool:
    if not any(part.is_alpha for part in frame.format.components) and frame.format.name != "pal8":
        return False
    small = frame.reformat(_SMALL, _SMALL, "rgba", interpolation="AREA")
    return min(bytes(small.planes[0])[3::4]) < 255


Filter = tuple[str, dict[str, str]]
"""A filter's name in ffmpeg, and its options."""


def screen_filters(colours: Colours, folder: Path | None = None) -> tuple[Filter, ...]:
    """Return the filters that make a picture's colours those of an ordinary screen.

    `folder` is where `write_tables` has written the tables; None for ffmpeg's own working directory.
    """
    filters: list[Filter] = []
    if colours.is_transparent:
        blend = {c: f"255-(255-{c}(X,Y))*alpha(X,Y)/255" for c in "rgb"}
        filters += [("format", {"pix_fmts": "gbrap"}), ("geq", blend | {"a": "255"})]
    if (colours.curve, colours.gamut) == (Curve.SDR, Gamut.BT709):
        return tuple(filters)
    where = f"{folder}/" if folder else ""
    rows = zip("rgb", _TO_BT709[colours.gamut], strict=True)
    matrix = {
        f"{to}{of}": f"{part:.6f}" for to, row in rows for of, part in zip("rgb", row, strict=True)
    }
    filters += [
        ("format", {"pix_fmts": "gbrp16le"}),
        ("lut1d", {"file": f"{where}{LIGHT_TABLE}"}),
        ("colorchannelmixer", matrix),
        ("lut1d", {"file": f"{where}{SCREEN_TABLE}"}),
        ("setparams", {"color_primaries": "bt709", "color_trc": "bt709"}),
    ]
    return tuple(filters)


def write_tables(colours: Colours, folder: Path) -> None:
    """Write the tables of these colours into a folder. Takes some ms."""
    (folder / LIGHT_TABLE).write_text(_table(_LIGHT[colours.curve]))
    (folder / SCREEN_TABLE).write_text(_table(_SCREEN[colours.curve]))


@lru_cache(maxsize=8)
def _table(function: Callable[[float], float]) -> str:
    """Return a function from 0…1 to 0…1 as a .cube file."""
    steps = (function(step / (_STEPS - 1)) for step in range(_STEPS))
    lines = (f"{value:.6f} {value:.6f} {value:.6f}\n" for value in steps)
    return f"LUT_1D_SIZE {_STEPS}\n{''.join(lines)}"


# --- from numbers to light: 1 is the brightest that is told -----------------------------------------


def _pq_light(coded: float) -> float:
    """Return the light of a number in PQ (SMPTE ST 2084)."""
    root = coded ** (32 / 2523)
    ratio = max(0.0, root - 3424 / 4096) / (2413 / 128 - 2392 / 128 * root)
    return min(1.0, 10_000 / _WHITE * math.pow(ratio, 8192 / 1305) / _BRIGHTEST)


def _hlg_light(coded: float) -> float:
    """Return the light of the filmed scene for a number in HLG (ARIB STD-B67)."""
    return min(1.0, _hlg_scene(coded) / _hlg_scene(_HLG_WHITE) / _BRIGHTEST)


def _hlg_scene(coded: float) -> float:
    if coded <= 0.5:
        return coded * coded / 3
    return (math.exp((coded - 0.55991073) / 0.17883277) + 0.28466892) / 12


def _sdr_light(coded: float) -> float:
    return coded**_GAMMA if coded >= _power(_TOE) else coded * _TOE / _power(_TOE)


# --- from light to numbers ---------------------------------------------------------------------------


def _pq_screen(light: float) -> float:
    return _coded(_pressed(light * _BRIGHTEST))


def _hlg_screen(light: float) -> float:
    return _coded(_pressed((light * _BRIGHTEST) ** _SYSTEM_GAMMA))


def _coded(light: float) -> float:
    return _power(light) if light >= _TOE else light * _power(_TOE) / _TOE


def _power(light: float) -> float:
    return math.pow(light, 1 / _GAMMA)


def _pressed(light: float) -> float:
    """Bring light that may be brighter than white below 1."""
    if light <= _KNEE:
        return light
    room = 1 - _KNEE
    return _KNEE + room * (1 - math.exp((_KNEE - light) / room))


_LIGHT = {Curve.PQ: _pq_light, Curve.HLG: _hlg_light, Curve.SDR: _sdr_light}
_SCREEN = {Curve.PQ: _pq_screen, Curve.HLG: _hlg_screen, Curve.SDR: _coded}
