"""A line of a page that is typed into now and then."""

from __future__ import annotations

from textual.widgets import Input


class TypedLine(Input):
    """An Input that is out of use, so that it cannot take the focus, until something is to be typed."""

    def __init__(self, placeholder: str = "", *, select_on_focus: bool = True) -> None:
        super().__init__(
            placeholder=placeholder,
            compact=True,
            disabled=True,
            select_on_focus=select_on_focus,
        )
        self.cursor_blink = False

    def begin(self) -> None:
        """What is typed from now on is typed here."""
        self.disabled = False
        # `focus()` takes a moment, and the next key may be there first.
        self.screen.set_focus(self)

    def end(self) -> None:
        """Out of use again; where the focus goes is up to the page."""
        self.disabled = True
