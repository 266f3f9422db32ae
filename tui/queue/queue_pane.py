"""A few lines of the queue below the list of specs: what runs and waits, where there is room for it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from tui.queue.job_list import JobLines
from tui.queue.job_text import queue_title
from tui.queue.listing import JobListing
from tui.state.live import Live


class QueuePane(Vertical):
    """Shows itself only while something runs or waits."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self._going = JobListing(live, only_going=True)

    def compose(self) -> ComposeResult:
        """How many, and which."""
        yield Static(id="going", markup=False)
        yield JobLines(self._going)

    def show_jobs(self) -> None:
        """Draw again."""
        self.query_one(JobLines).show_jobs()
        self.set_class(bool(self._going.shown), "-going")
        self.query_one("#going", Static).update(queue_title(self._going, held=False))
