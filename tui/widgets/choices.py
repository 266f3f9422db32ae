"""Textual's list of options, made safe against keys that come before it is laid out."""

from __future__ import annotations

from textual.widgets import OptionList


class Choices(OptionList):
    """A list of lines to choose one from."""

    def action_page_up(self) -> None:
        """Move up by a page."""
        if self.scrollable_content_region:
            super().action_page_up()  # type: ignore[no-untyped-call]

    def action_page_down(self) -> None:
        """Move down by a page."""
        if self.scrollable_content_region:
            super().action_page_down()  # type: ignore[no-untyped-call]
