"""What stands beside the list of specs: the detail, the third column, the queue, and the log's last lines.

The first paint does without them. The page imports this module, and mounts them, once that is done.
"""

from __future__ import annotations

from pathlib import Path

from textual.screen import Screen

from tui.host import host_of
from tui.log.tail import LogTail
from tui.queue.job_list import QueuePane
from tui.queue.listing import JobListing
from tui.specs.rows import Row
from tui.specs.side_column import SideColumn
from tui.specs.spec_detail import SpecDetail
from tui.widgets.page import PageFooter


class BesideTheList:
    """These widgets of one page."""

    def __init__(self, page: Screen[None], cwd: Path) -> None:
        host = host_of(page)
        going = JobListing(host.live, only_going=True)
        self._page = page
        self._detail = SpecDetail(cwd, host.desk.pictures, host.desk.graphics)
        self._column = SideColumn(going)
        self._queue = QueuePane(going)

    async def mount(self) -> None:
        """Mount them, the detail in the room that the page keeps for it."""
        page = self._page
        with page.app.batch_update():
            # All at once: in between, the page could close.
            mounting = (
                page.query_one("#detail-room").remove(),
                page.query_one("#body").mount(self._detail, self._column),
                page.query_one("#specs").mount(self._queue),
                page.mount(LogTail(), before=page.query_one(PageFooter)),
            )
            for each in mounting:
                await each

    def show(self, row: Row | None) -> None:
        """Show this row, the current one."""
        self._detail.show(row)
        self._column.show(row)

    def show_jobs(self) -> None:
        """Draw the jobs again."""
        for pane in self._page.query(QueuePane):
            pane.show_jobs()
