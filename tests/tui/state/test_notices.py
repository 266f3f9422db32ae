"""What the app tells at once, wherever the user is."""

from __future__ import annotations

import pytest

from backend.events import DispatcherChanged, EstimateCorrected, Event, HandedOver, JobSent
from tui.state.notices import notice_of

TOLD: dict[str, tuple[Event, str | None]] = {
    "another process works": (
        DispatcherChanged("process 7"),
        "process 7 works on the queue. This one shows it, and takes over when that ends.",
    ),
    "it has ended": (
        DispatcherChanged(""),
        "The other upsample has ended: this one works on the queue now.",
    ),
    "a profile that does not fit": (EstimateCorrected("b", "m", "p", (), "No fit."), "No fit."),
    "what was told before": (EstimateCorrected("b", "m", "p", (), ""), None),
    "what a page shows": (JobSent(1, "dusk"), None),
}


@pytest.mark.parametrize("case", TOLD)
def test_what_is_told_of_an_event(case: str) -> None:
    event, text = TOLD[case]
    notice = notice_of(event)
    assert (notice.text if notice else None) == text


def test_a_hand_over_is_told() -> None:
    notice = notice_of(HandedOver("h100", 3))
    assert notice is not None
    assert notice.title == "Handed over"
