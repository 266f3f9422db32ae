"""The line that a filter is typed into."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.widgets.typed_line import TypedLine


class FilterInput(TypedLine):
    """The input for a filter, with keys to keep it or to show everything."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down,tab", "submit", "keep the filter", key_display="⏎"),
        Binding("escape", "screen.back", "show all", key_display="esc"),
    ]
