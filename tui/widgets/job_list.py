"""A list of jobs: a line-API view that draws only what is in sight, so 10,000 jobs cost what 40 do."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from tui.job_columns import cells, headings, lay_out
from tui.job_listing import JobListing
from tui.job_states import COLOURS
from tui.messages import CurrentJobChanged, JobMarksChanged

_MARK_CELLS = 3
"""A click on these cells of a row marks it."""


class JobHeadings(Widget):
    """The names of the columns, above the list and as wide as its rows."""

    def render(self) -> str:
        """One line."""
        return headings(lay_out(self.size.width))


class JobLines(ScrollView):
    """Shows a JobListing, and no more: what waits and runs, in a few lines of another page."""

    HAS_CURSOR: ClassVar[bool] = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"job-list--{part}"
        for part in (
            *("cursor", "cursor-glyph", "mark", "name", "remark", "number", "running"),
            *COLOURS,
        )
    }

    def __init__(self, listing: JobListing, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._listing = listing

    def show_jobs(self) -> bool:
        """Draw again; returns whether jobs came, went or changed places."""
        changed = self._listing.refresh()
        if changed:
            # Rows are as wide as the list, so there is nothing to scroll to sideways.
            self.virtual_size = Size(1, len(self._listing.shown))
            self._keep_in_sight()
        self.refresh()
        return changed

    def render_line(self, y: int) -> Strip:
        """Line `y` of what is in sight."""
        position = y + self.scroll_offset.y
        # Not `size`, which has the scrollbar in it.
        width = self.scrollable_content_region.width
        shown = self._listing.shown
        job = self._listing.live.jobs.get(shown[position]) if position < len(shown) else None
        if job is None:
            return Strip.blank(width, self.rich_style)
        current = self.HAS_CURSOR and position == self._listing.position
        pieces = cells(
            job,
            lay_out(width, marks=self.HAS_CURSOR),
            self._listing.live.clock(),
            marked=job.job.number in self._listing.marked,
            current=current,
        )
        over = self._cursor_style if current else Style.null()
        drawn = [Segment(text, self._style(part) + over) for text, part in pieces]
        return Strip(drawn).adjust_cell_length(width, self.rich_style + over)

    def on_resize(self) -> None:
        """The cursor may be out of sight."""
        self._keep_in_sight()

    def _keep_in_sight(self) -> None:
        if self.HAS_CURSOR:
            row = Region(0, self._listing.position, 1, 1)
            self.scroll_to_region(row, animate=False, force=True, immediate=True)

    @property
    def _cursor_style(self) -> Style:
        style = self.get_component_rich_style("job-list--cursor")
        return Style(bgcolor=style.bgcolor, bold=style.bold)

    def _style(self, part: str) -> Style:
        return self.get_component_rich_style(f"job-list--{part}")


class JobList(JobLines, can_focus=True):
    """The same with a cursor and marks. What these mean is for the page."""

    HAS_CURSOR = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "mark"),
        Binding("a", "mark_all", "all", show=False),
        Binding("v", "invert", "invert", show=False),
        Binding("j,down", "move(1)", "down", show=False),
        Binding("k,up", "move(-1)", "up", show=False),
        Binding("g,home", "go_first", "first", show=False),
        Binding("G,end", "go_last", "last", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "a page down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "a page up", show=False),
    ]

    def action_move(self, rows: int) -> None:
        """Move the cursor by so many rows."""
        self._move_to(self._listing.position + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by so many pages; a line of the last page stays in sight."""
        self._move_to(self._listing.position + pages * max(1, self.size.height - 1))

    def action_go_first(self) -> None:
        """Move the cursor to the first job."""
        self._move_to(0)

    def action_go_last(self) -> None:
        """Move the cursor to the last job."""
        self._move_to(len(self._listing.shown) - 1)

    def action_mark(self) -> None:
        """Mark the current job, or take its mark away, and move on."""
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

    def on_click(self, event: events.Click) -> None:
        """A click chooses a job; on its left edge it marks it too."""
        position = event.y + self.scroll_offset.y
        if position >= len(self._listing.shown):
            return
        self._move_to(position)
        if event.x < _MARK_CELLS:
            self._listing.toggle_mark()
            self._marked()

    def _move_to(self, position: int) -> None:
        self._listing.follows = False
        self._listing.move_to(position)
        self._keep_in_sight()
        self.refresh()
        self.post_message(CurrentJobChanged())

    def _marked(self) -> None:
        self.refresh()
        self.post_message(JobMarksChanged())
