"""What the app tells at once of an event, wherever the user is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backend.box.status_text import answered_twice_words, work_text
from backend.events import AnsweredTwice, DispatcherChanged, EstimateCorrected, Event, HandedOver
from tui.text import one_line, paragraphs


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that lies over the page for some seconds."""

    title: str
    text: str
    severity: Literal["information", "warning"] = "information"
    seconds: float = 10.0


def notice_of(event: Event) -> Notice | None:
    """Return what to tell of an event; None for the events that only pages show."""
    match event:
        case DispatcherChanged(holder=""):
            return Notice(
                "The queue", "The other upsample has ended: this one works on the queue now."
            )
        case DispatcherChanged():
            follows = "This one shows it, and takes over when that ends."
            return Notice("The queue", one_line(f"{event.holder} works on the queue. {follows}"))
        case HandedOver():
            return Notice("Handed over", one_line(work_text(event)))
        case AnsweredTwice():
            return Notice("A second answer", one_line(answered_twice_words(event)))
        case EstimateCorrected() if event.text:
            return Notice("The profile", paragraphs(event.text), "warning", 30.0)
    return None
