"""An input line of a page that is open only while the user types into it."""

from __future__ import annotations

from textual.widgets import Input


class TypedLine(Input):
    """An input that is disabled, so that it cannot take the focus, until something is to be typed."""

    def __init__(self, placeholder: str = "", *, select_on_focus: bool = True) -> None:
        super().__init__(
            placeholder=placeholder,
            compact=True,
            disabled=True,
            select_on_focus=select_on_focus,
        )
        self.cursor_blink = False

    def begin(self) -> None:
        """Enable the line, and focus it."""
        self.disabled = False
        # `focus()` takes a moment, and the next key may be there first.
        self.screen.set_focus(self)

    def end(self) -> None:
        """Disable the line. The page moves the focus."""
        self.disabled = True
