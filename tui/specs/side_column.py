"""The third column of a wide window: what the sizes of Cosmos cost with the current prompt, and the queue."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from tui.host import host_of
from tui.queue.job_list import QueuePane
from tui.queue.listing import JobListing
from tui.specs.detail_text import describe_sizes
from tui.specs.rows import Row
from tui.widgets.plain_text import PlainText

_PADDING = 2
"""Cells left and right of the table, as the style sheet has them."""


class SideColumn(Vertical):
    """Shows the table of sizes in a fixed height, so that the queue below it stays where it is."""

    def __init__(self, going: JobListing) -> None:
        super().__init__()
        self._going = going
        self._row: Row | None = None

    def compose(self) -> ComposeResult:
        yield PlainText(id="sizes-of-row")
        yield QueuePane(self._going)

    def show(self, row: Row | None) -> None:
        """Show the table for this row, if the column is shown."""
        self._row = row
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        row, sizes = self._row, self.query_one("#sizes-of-row", PlainText)
        # Before the first layout, and in a window without the column, there is no width.
        width = self.scrollable_content_region.width - _PADDING
        if width <= 0:
            return
        settings = host_of(self).settings.upsampling
        sizes.update(
            describe_sizes(
                row.plan, settings.for_spec(row.spec.format.value, row.spec.target.mode), width
            )
            if row is not None
            else ""
        )
