"""What the first line of the app and the queue page say of a box."""

from __future__ import annotations

import pytest

from backend.config import load_settings
from backend.events import HandedOver, HandingOver, LinkChanged, LinkState
from tui.queue.job_text import box_words
from tui.state.live import Live
from tui.widgets.status_text import box_line


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (HandingOver("local", 1187, 1200), "1,187 of the 1,200 left are on the box"),
        (HandedOver("local", 200), "all are on the box; you may close"),
    ],
)
def test_both_say_how_far_jobs_are_handed_over_whatever_the_link_does(
    event: HandingOver | HandedOver, words: str
) -> None:
    settings, live = load_settings(), Live()
    for state in (LinkState.LIVE, LinkState.RETRYING):
        live.hear(LinkChanged("local", state, ""))
        live.hear(event)
        assert words in box_line(settings, live.box("local"), 0.0).plain
        assert words in box_words(live.box("local"), 0.0).plain
