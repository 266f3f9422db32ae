"""The line that a filter is typed into."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

_EXAMPLES = "words of a name or prompt, fits:no, state:failed, -without …"


class FilterInput(Input):
    """An Input whose keys say what becomes of the filter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down", "submit", "keep the filter", key_display="⏎"),
        Binding("escape", "screen.back", "show all specs", key_display="esc"),
    ]

    def __init__(self) -> None:
        # It is out of use, so that it cannot take the focus, until a filter is asked for.
        super().__init__(
            placeholder=_EXAMPLES,
            compact=True,
            disabled=True,
        )
        self.cursor_blink = False
