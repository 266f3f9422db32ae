"""How the user arranges the list of specs: its order, its folders, and which columns it shows."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

from textual import on

from tui.compose.page import SpecFilesPage
from tui.specs.columns import CHOOSABLE, ColumnChoice
from tui.specs.listing import Listing
from tui.specs.rows import SortOrder
from tui.specs.spec_list import SortAsked

_HIDDEN = "specs.hidden-columns"
"""The name under which the app remembers the columns that are not shown, with commas between them."""


class ArrangedPage(SpecFilesPage):
    """A page with a listing that the user arranges."""

    def __init__(self, cwd: Path) -> None:
        super().__init__(cwd)
        self.listing = Listing()
        self.columns = ColumnChoice()

    @abstractmethod
    def show_listing(self) -> None:
        """Show the listing as it is now."""

    def on_mount(self) -> None:
        """Hide the columns that were hidden when the app was left."""
        hidden = self.host.memory.recall(_HIDDEN, "").split(",")
        self.columns.hidden = frozenset(hidden) & CHOOSABLE.keys()

    def action_sort(self) -> None:
        """Ask for the column to sort by."""
        from tui.specs.sort_chooser import SortChooser

        self.app.push_screen(SortChooser(self.listing.order), self._sort)

    def action_reverse(self) -> None:
        """Sort the other way round."""
        self._sort(self.listing.order.by(self.listing.order.column))

    @on(SortAsked)
    def _sort_by_heading(self, message: SortAsked) -> None:
        self._sort(self.listing.order.by(message.column))

    def _sort(self, order: SortOrder | None) -> None:
        if order is not None:
            self.listing.set_order(order)
            self.show_listing()

    def action_group(self) -> None:
        """Show folders as headings, or no folders."""
        self.listing.set_grouped(not self.listing.grouped)
        self.show_listing()

    def action_columns(self) -> None:
        """Ask which columns are shown."""
        from tui.specs.column_chooser import ColumnChooser

        self.app.push_screen(ColumnChooser(self.columns.hidden), self._hide)

    def _hide(self, hidden: frozenset[str] | None) -> None:
        # Textual has None for a dialog that is closed by other means.
        if hidden is not None:
            self.columns.hidden = hidden
            self.host.memory.remember(_HIDDEN, ",".join(sorted(hidden)))
            self.show_listing()
