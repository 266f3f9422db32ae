"""A page whose list can be filtered by typing, and the line that the filter is typed into."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Input

from tui.widgets.page import Page
from tui.widgets.typed_line import TypedLine


class FilterInput(TypedLine):
    """The input for a filter, with keys to keep it or to show everything."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down,tab", "submit", "keep the filter", key_display="⏎"),
        Binding("escape", "screen.back", "show all", key_display="esc"),
    ]


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
