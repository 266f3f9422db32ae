"""Reads from an entry what its generator is to make with the prompt: the mode, the size, the length.

A value of another kind counts as missing, because only the generator itself can say what it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from backend.specs.adapter import EntryFault
from backend.specs.media_names import suffix_of
from backend.specs.model import Mode, Target
from remote.protocol import Json, well_formed

_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
"""Endings of the pictures that NVIDIA's generators take; anything else is a video to them."""
_TOO_LARGE = 1e15


def target_of(
    fields: Mapping[str, Json], mode: Mode | None = None, frames_key: str = "num_frames"
) -> Target:
    """Return what the members of an entry say. `frames_key` is the key of the number of frames."""
    return Target(
        mode=mode,
        fps=_number(fields.get("fps")),
        num_frames=_count(fields.get(frames_key)),
        resolution=_words(fields.get("resolution")),
        aspect_ratio=_words(fields.get("aspect_ratio")),
        negative_prompt=_text(fields.get("negative_prompt")),
    )


def refuse_blind_transfer(target: Target, prompt: str, video: Path | None) -> None:
    """Raise EntryFault for a transfer with a prompt and no video; its generator refuses it, too."""
    if target.mode is Mode.TRANSFER and video is None and prompt.strip():
        raise EntryFault("a transfer needs a video, or a control with one, and none is named")


def mode_by_media(source: str | None, makes_picture: bool) -> Mode:
    """Return the mode that follows from the source, a picture or video or None, and from what is made."""
    if source is None:
        return Mode.TEXT2IMAGE if makes_picture else Mode.TEXT2VIDEO
    if suffix_of(source) in _PICTURES:
        return Mode.IMAGE2IMAGE if makes_picture else Mode.IMAGE2VIDEO
    return Mode.VIDEO2VIDEO


def _number(value: Json) -> float | None:
    """Return a positive number, a whole one as an int; NVIDIA's parsers take a number in quotes, too."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    # A bool is an int; NaN and infinity fail the comparison.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < _TOO_LARGE:
        return None
    return int(value) if value == int(value) else value


def _count(value: Json) -> int | None:
    number = _number(value)
    return None if number is None or number != int(number) else int(number)


def _words(value: Json) -> str | None:
    """Return a short text such as "720", also where a number is written; None for "none" and nothing."""
    number = None if isinstance(value, str) else _number(value)
    text = str(number) if number is not None else _text(value)
    return None if text is None or text.strip().lower() in {"", "none"} else text.strip()


def _text(value: Json) -> str | None:
    return well_formed(value) if isinstance(value, str) else None
