"""How long the video of a JSON prompt is, as its spec or the prompt itself says."""

from __future__ import annotations

import math

from backend.results.lints.finding import Answered
from backend.specs.outline import time_span_of
from remote.protocol import Json


def whole_seconds(answered: Answered, whole: dict[str, Json]) -> tuple[int, int] | None:
    """Return the least and the most whole seconds that the video may be said to have, since some round its
    length down and others up; None where nothing says a length.
    """
    if answered.generation is not None:
        seconds = answered.generation.seconds
        # The video of half a second is said to have one.
        return (max(1, math.floor(seconds)), max(1, math.ceil(seconds))) if seconds else None
    own = seconds_in(whole.get("duration"))
    # It may have been rounded down: then the video is longer by a part of a second.
    return None if own is None else (math.floor(own), math.floor(own) + 1)


def seconds_in(duration: Json) -> float | None:
    """Return the seconds of a length such as 5, "5s" or "0:05"; None for anything else."""
    if isinstance(duration, (int, float)) and not isinstance(duration, bool):
        return duration if 0 < duration < math.inf else None
    span = time_span_of(duration) if isinstance(duration, str) else None
    return span.begin if span is not None and span.begin == span.end > 0 else None
