"""Inputs on one line. A page opens some of them only while the user types there."""

from __future__ import annotations

from textual.reactive import reactive
from textual.widgets import Input


class LineInput(Input):
    """An input on one line, whose cursor does not blink."""

    cursor_blink = reactive(False, init=False)


class TypedLine(LineInput):
    """An input that is disabled, so that it cannot take the focus, until something is to be typed."""

    def __init__(self, placeholder: str = "", *, select_on_focus: bool = True) -> None:
        super().__init__(
            placeholder=placeholder,
            compact=True,
            disabled=True,
            select_on_focus=select_on_focus,
        )

    def begin(self) -> None:
        """Enable the line, and focus it."""
        self.disabled = False
        # `focus()` takes a moment, and the next key may be there first.
        self.screen.set_focus(self)

    def end(self) -> None:
        """Disable the line. The page moves the focus."""
        self.disabled = True
