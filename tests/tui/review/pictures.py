"""Waits for the pictures of the review."""

from __future__ import annotations

from textual.pilot import Pilot

from tests.support.pilots import until
from tui.frames.frames_view import FramesView
from tui.review.screen import ReviewPage


async def until_pictures(pilot: Pilot[None], page: ReviewPage) -> FramesView:
    """Wait until the frames of the current result are shown, or it is known why there are none."""
    view = page.query_one(FramesView)

    def has_come() -> bool:
        candidate = page.listing.candidate
        if candidate is None or not page.pane.display or not page.pane.has_room_for_frames:
            return True
        found = page.pane.media.find(candidate.result.job)
        if found is None or view.is_reading:
            return False
        return found.look is None or not view.can_draw or bool(view.pictures or view.trouble)

    await until(pilot, has_come, "the pictures have come")
    await pilot.pause()
    return view
