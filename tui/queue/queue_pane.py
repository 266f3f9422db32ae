"""A few lines of the queue below the list of specs, on windows that have room for them."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from tui.queue.job_list import JobLines
from tui.queue.job_text import queue_title
from tui.queue.listing import JobListing
from tui.state.live import Live
from tui.widgets.plain_text import PlainText


class QueuePane(Vertical):
    """Lists the jobs that run or wait. It is visible only while there are any."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self._going = JobListing(live, only_going=True)

    def compose(self) -> ComposeResult:
        yield PlainText(id="going")
        yield JobLines(self._going)

    def show_jobs(self) -> None:
        """Draw the jobs again."""
        self.query_one(JobLines).show_jobs()
        self.set_class(bool(self._going.shown), "-going")
        self.query_one("#going", PlainText).update(queue_title(self._going, held=False))
