"""Reads from the provenance of a result how it was made.

The provenance may come from a file that anybody has changed, so each value is looked at before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.store.rating import MOST_STARS
from remote.protocol import Json

_LARGEST = 2**53
"""The largest number that is believed."""
RATINGS = range(1, MOST_STARS + 1)


@dataclass(frozen=True, slots=True)
class HowMade:
    """How a result was made. A text is empty, and a number None, where the provenance does not tell it."""

    program: str
    """The program that asked for it, with its version."""
    written_by: str
    """What wrote the answer, in words."""
    model: str
    engine: str
    box: str
    profile: str
    media: str
    """The kinds of the media that were sent, as in "rgb+edge"."""
    frames: tuple[float, ...]
    """The time of each frame that was sent, in seconds from the start of its video."""
    size_sent: str
    """The size of the frames, as in "896x504"."""
    seed: int | None
    candidate: int | None
    """From 0."""
    temperature: float | None
    estimated_tokens: int | None
    """Tokens of prompt and frames by our own count."""
    reported_tokens: int | None
    """The same by the engine's count."""
    answer_tokens: int | None
    answer_limit: int | None
    """The most tokens that the answer could have."""
    finish_reason: str
    """"length" when the answer was cut off at its limit."""
    seconds: float | None
    """How long the engine worked on the answer."""
    cost: float | None
    """What the server bills for it."""
    negative_prompt: str
    """What the model wants avoided."""
    ended: str
    """When the answer was done, as an ISO date."""
    identity: str
    """The hash of the request."""
    is_edited: bool
    """Whether a person has changed the text."""
    rating: int | None
    """From 1 to 5, by the user."""
    note: str
    """What the user has noted about it."""

    @property
    def prompt_tokens(self) -> int | None:
        """Tokens of prompt and frames: by the engine's count where it tells one, else by ours."""
        return self.estimated_tokens if self.reported_tokens is None else self.reported_tokens

    @property
    def pace(self) -> float | None:
        """Tokens of the answer a second."""
        if self.answer_tokens is None or not self.seconds:
            return None
        return self.answer_tokens / self.seconds


def read_provenance(provenance: Mapping[str, Json]) -> HowMade:
    """Return what the provenance tells. Values that cannot be true count as not told."""
    tokens = _object(provenance.get("tokens"))
    rating = _count(provenance.get("rating"))
    return HowMade(
        program=_text(provenance.get("program")),
        written_by=_text(provenance.get("written_by")),
        model=_text(provenance.get("model")),
        engine=_text(provenance.get("engine")),
        box=_text(provenance.get("box")),
        profile=_text(provenance.get("profile")),
        media=_text(provenance.get("media")),
        frames=_times(provenance.get("frames")),
        size_sent=_text(provenance.get("size_sent")),
        seed=_count(provenance.get("seed")),
        candidate=_count(provenance.get("candidate")),
        temperature=_number(provenance.get("temperature")),
        estimated_tokens=_count(tokens.get("prompt_estimated")),
        reported_tokens=_count(tokens.get("prompt_reported")),
        answer_tokens=_count(tokens.get("answer_reported")),
        answer_limit=_count(tokens.get("answer_limit")),
        finish_reason=_text(provenance.get("finish_reason")),
        seconds=_number(_object(provenance.get("seconds")).get("generating")),
        cost=_number(provenance.get("cost")),
        negative_prompt=_text(provenance.get("negative_prompt")),
        ended=_text(provenance.get("ended")),
        identity=_text(provenance.get("job")),
        is_edited=provenance.get("edited") is True,
        rating=rating if rating in RATINGS else None,
        note=_text(provenance.get("note")),
    )


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Json) -> float | None:
    """Return a number that is not negative; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # A number that is none (NaN) is not within these bounds, either.
    return float(value) if 0 <= value <= _LARGEST else None


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and _number(value) is not None else None


def _object(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _times(value: Json) -> tuple[float, ...]:
    """Return the times of frames; none when one of them is not told."""
    frames = value if isinstance(value, list) else []
    times = [_number(_object(frame).get("time")) for frame in frames]
    known = [time for time in times if time is not None]
    return tuple(known) if len(known) == len(frames) else ()
