"""What the first line of the app and the queue page say of a box."""

from __future__ import annotations

import pytest

from backend.config import Table, load_settings
from backend.events import HandedOver, HandingOver, LinkChanged, LinkState
from tui.queue.job_text import box_words
from tui.state.live import Live
from tui.widgets.status_text import box_line, limit_line

ROOM_AT_80 = 80 - len("4,096 tokens, reserve 300 ")
"""Columns that the first line has for the box in a window of 80."""


@pytest.mark.parametrize(
    ("event", "first_line", "queue_page"),
    [
        (
            HandingOver("local", 1187, 1200),
            "1,187 of 1,200 on the box",
            "1,187 of the 1,200 left are on the box",
        ),
        (
            HandedOver("local", 200),
            "all on the box",
            "all on the box; you may close this machine",
        ),
        (
            HandedOver("local", 200, is_here=True),
            "all on the box",
            "all on the box; you may close upsample",
        ),
    ],
)
def test_both_say_how_far_jobs_are_handed_over_whatever_the_link_does(
    event: HandingOver | HandedOver, first_line: str, queue_page: str
) -> None:
    settings, live = load_settings(), Live()
    for state in (LinkState.LIVE, LinkState.RETRYING):
        live.hear(LinkChanged("local", state, ""))
        live.hear(event)
        assert box_line(settings, live.box("local"), 0.0).plain.endswith(f"  {first_line}")
        assert queue_page in box_words(live.box("local"), 0.0).plain


def test_a_hand_over_is_told_whole_in_the_first_line_of_a_narrow_window() -> None:
    settings, live = load_settings(), Live()
    live.hear(LinkChanged("local", LinkState.LIVE, ""))
    for event in (HandingOver("local", 187, 200), HandedOver("local", 200)):
        live.hear(event)
        assert len(box_line(settings, live.box("local"), 0.0).plain) <= ROOM_AT_80


def test_the_limits_of_profiles_that_are_taken_where_they_fit_are_told_too() -> None:
    assert limit_line(load_settings()).plain == "4,096 tokens, reserve 300 "
    remote: Table = {"boxes": {"gpu": {"host": "gpu"}}, "box": "gpu"}
    assert limit_line(load_settings(remote)).plain == "4,096 tokens, cosmos3: 32,768 "
    one = load_settings({**remote, "upsampling": {"profile": "transfer1"}})
    assert limit_line(one).plain == "4,096 tokens, reserve 300 "
