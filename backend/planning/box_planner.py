"""Makes the planner of a box from the user's settings, corrected by what that box has counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from backend.config import Settings
from backend.planning.box_context import read_context
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

    Where the user says no context length, it is the one that the box's server told last. Reads small files.
    """
    name = settings.box if box is None else box
    upsampling = settings.upsampling
    if name in settings.boxes and settings.follows_server_on(name) and (told := read_context(name)):
        upsampling = upsampling.changed({"max_tokens": told})
    counts, fetch_media = counts_of(settings, box), settings.specs.fetch_media
    return Planner(upsampling, counter, probe, counts, fetch_media=fetch_media)
