"""Makes the planner of a box from the user's settings, corrected by what that box has counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from backend.config import Settings
from backend.planning.box_counts import counts_of
from backend.planning.plan import Planner
from backend.tokens import TextCounter
from backend.video import Video, probe


def make_planner(
    settings: Settings,
    counter: TextCounter,
    probe: Callable[[Path], Video] = probe,
    box: str | None = None,
) -> Planner:
    """Make a planner for a box (None: the chosen one), corrected by what that has counted.

    Reads a small file.
    """
    counts, fetch_media = counts_of(settings, box), settings.specs.fetch_media
    return Planner(settings.upsampling, counter, probe, counts, fetch_media=fetch_media)
