"""The lists of jobs. They draw the rows in sight only, so 10,000 jobs cost what 40 do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from tui.queue.columns import cells, headings, lay_out, name_of
from tui.queue.job_text import queue_title
from tui.queue.listing import JobListing
from tui.queue.state_signs import COLOURS
from tui.text import MUTED
from tui.widgets.own_keys import named_keys
from tui.widgets.plain_text import PlainText
from tui.widgets.row_list import GUTTER, Piece, RowList, near


@dataclass
class JobMarksChanged(Message):
    """Jobs were marked or unmarked."""


class JobHeadings(Widget):
    """Shows the names of the columns above the list, as wide as its rows."""

    def render(self) -> str:
        return headings(lay_out(self.size.width))


class JobLines(RowList[JobListing], can_focus=False):
    """A list of jobs without a cursor, for a few lines of another page."""

    PREFIX = "job-list"
    HAS_CURSOR: ClassVar[bool] = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"job-list--{part}"
        for part in (
            *("cursor", "cursor-glyph", "mark", "name", "remark", "number", "running"),
            *COLOURS,
        )
    }

    @property
    def count(self) -> int:
        return len(self._listing.shown)

    def show_jobs(self) -> None:
        """Draw the list again. The cursor is brought into sight if jobs came, went or changed places."""
        # A list without a cursor may share its listing with one that has taken over the changes already.
        if self._listing.refresh() or not self.HAS_CURSOR:
            self.show_rows()
        else:
            self.refresh()

    def _pieces(self, position: int, width: int, *, current: bool) -> Sequence[Piece]:
        job = self._listing.live.jobs.get(self._listing.shown[position])
        if job is None:
            return ()
        return cells(
            job,
            self._listing.live.boxes.get(job.job.box),
            lay_out(width, marks=self.HAS_CURSOR),
            self._listing.live.clock(),
            marked=job.job.number in self._listing.marked,
            current=current,
            beside=self._names_near(position),
        )

    def _names_near(self, position: int) -> Iterator[str]:
        for each in near(position, self.count):
            if (job := self._listing.live.jobs.get(self._listing.shown[each])) is not None:
                yield name_of(job)


class QueuePane(Vertical):
    """Lists the jobs that run or wait. Below the specs, it is visible only while there are any."""

    def __init__(self, going: JobListing) -> None:
        """`going` lists the jobs that have not ended. Two panes may share it."""
        super().__init__()
        self._going = going

    def compose(self) -> ComposeResult:
        yield PlainText(id="going")
        yield JobLines(self._going)

    def on_mount(self) -> None:
        self.show_jobs()

    def show_jobs(self) -> None:
        """Draw the jobs again."""
        self.query_one(JobLines).show_jobs()
        self.set_class(bool(self._going.shown), "-going")
        title = queue_title(self._going, held=False)
        if not self._going.live.jobs:
            title += Content.styled("nothing waits or runs", MUTED)
        self.query_one("#going", PlainText).update(title)


class JobList(JobLines, can_focus=True):
    """A list of jobs with a cursor and marks. The page decides what keys do to the marked jobs."""

    HAS_CURSOR = True
    BINDINGS: ClassVar[list[BindingType]] = named_keys(
        "queue",
        Binding("space", "mark", "mark"),
        Binding("a", "mark_all", "all", show=False),
        Binding("v", "invert", "invert", show=False),
        Binding("g", "go_first", "first", show=False),
    )

    def action_mark(self) -> None:
        """Mark the current job, or remove its mark, and move on."""
        self._listing.toggle_mark()
        self._marked()
        self.action_move(1)

    def action_mark_all(self) -> None:
        """Mark all jobs, or none of them if all are marked."""
        self._listing.toggle_all()
        self._marked()

    def action_invert(self) -> None:
        """Swap marked and unmarked."""
        self._listing.invert()
        self._marked()

    def move_cursor(self, position: int) -> None:
        """Put the cursor there, or at the nearest end; it does not follow running jobs any more."""
        self._listing.follows = False
        super().move_cursor(position)

    def _clicked(self, event: events.Click) -> None:
        if event.x < GUTTER:
            self._listing.toggle_mark()
            self._marked()

    def _marked(self) -> None:
        self.refresh()
        self.post_message(JobMarksChanged())
