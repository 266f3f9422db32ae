"""Values of a JSON prompt that contradict what its spec decides."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.config.profiles.json_answer import clock
from backend.generation import Generation
from backend.results.lints.clip_length import seconds_in, whole_seconds
from backend.results.lints.finding import Answered, Lint, LintKind
from backend.results.lints.number_words import NUMBER_WORDS, number_of
from backend.specs.json_prompts import said_in
from backend.specs.quoting import quoted
from remote.protocol import Json

_LENGTH = re.compile(
    rf"\b(\d{{1,3}}|{'|'.join(NUMBER_WORDS[1:])})[- ]seconds?[- ](?:long )?(?:video|clip|film)\b",
    re.IGNORECASE,
)
"""The length of the whole: a shot or a moment of some seconds is a part of it."""
_RATIO = re.compile(r"\s*(\d{1,5})\s*[,:/x×]\s*(\d{1,5})\s*")
_SAME_RATIO = 0.05
"""How much two ratios may differ: 1360×768 is called 16,9."""
_SAME_FPS = 0.5
"""24 and 23.976 frames a second are called the same."""


def contradictions(answered: Answered, whole: dict[str, Json]) -> Iterator[Lint]:
    """A size, a length or a frame rate is another one than that of the video that is to be made."""
    length = whole_seconds(answered, whole)
    if answered.generation is not None:
        yield from _against_spec(answered.generation, whole)
        own = seconds_in(whole.get("duration"))
        if own is not None and length is not None and not length[0] <= own <= length[1]:
            yield _other("duration", whole["duration"], _told(length))
    if length is not None:
        for found in _LENGTH.finditer("\n".join(said_in(answered.answer))):
            number = number_of(found[1].casefold())
            if number is not None and not length[0] <= number <= length[1]:
                message = f"It speaks of {quoted(found[0])}, and the clip has {_told(length)}"
                yield Lint(LintKind.CONTRADICTION, message)
                return


def _against_spec(made: Generation, whole: dict[str, Json]) -> Iterator[Lint]:
    size, ratio, fps = (whole.get(key) for key in ("resolution", "aspect_ratio", "fps"))
    if isinstance(size, dict) and {"H", "W"} <= size.keys():
        wanted = {"H": made.size.height, "W": made.size.width}
        if {"H": size["H"], "W": size["W"]} != wanted:
            told = f"{made.size.width} × {made.size.height}"
            yield _other("resolution", f"{size['W']} × {size['H']}", told)
    sides, wanted_sides = _sides(ratio), _sides(made.aspect_ratio)
    if sides and wanted_sides and abs(sides / wanted_sides - 1) > _SAME_RATIO:
        yield _other("aspect_ratio", ratio, made.aspect_ratio)
    is_number = isinstance(fps, (int, float)) and not isinstance(fps, bool)
    if made.fps and is_number and abs(float(str(fps)) - made.fps) > _SAME_FPS:
        yield _other("fps", fps, f"{made.fps:g}")


def _sides(ratio: Json) -> float | None:
    """Return the width for a height of 1; None for what is no ratio."""
    found = _RATIO.fullmatch(ratio) if isinstance(ratio, str) else None
    return int(found[1]) / int(found[2]) if found and int(found[2]) and int(found[1]) else None


def _other(key: str, value: Json, wanted: str) -> Lint:
    message = f"{key} is {quoted(str(value))}, and the spec decides {wanted}"
    return Lint(LintKind.CONTRADICTION, message)


def _told(length: tuple[int, int]) -> str:
    return clock(length[0])
