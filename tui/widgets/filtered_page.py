"""A page whose list can be filtered by typing."""

from __future__ import annotations

from textual import on
from textual.widgets import Input

from tui.widgets.filter_input import FilterInput
from tui.widgets.page import Page


class FilteredPage(Page):
    """Opens and closes the line for the filter. The page applies what is typed there."""

    @property
    def filter_input(self) -> FilterInput:
        """The line for the filter."""
        return self.query_one(FilterInput)

    @property
    def is_filter_typed(self) -> bool:
        """Whether the user types into the line now."""
        return self.has_class("-filtering") and self.focused is self.filter_input

    def action_filter(self) -> None:
        """Open the line for a filter."""
        self.add_class("-filtering")
        self.filter_input.begin()

    @on(Input.Submitted)
    def close_filter(self) -> None:
        """Close the line, and return to the list."""
        self.remove_class("-filtering")
        self.filter_input.end()
        self.query_one(self.LIST).focus()
