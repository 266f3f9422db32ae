"""Textual's list of options, where a key that comes before there is room for it breaks nothing."""

from __future__ import annotations

from textual.widgets import OptionList


class Choices(OptionList):
    """Some lines to choose one from."""

    def action_page_up(self) -> None:
        """Go up by as much as is in sight."""
        if self.scrollable_content_region:
            super().action_page_up()  # type: ignore[no-untyped-call]

    def action_page_down(self) -> None:
        """Go down by as much as is in sight."""
        if self.scrollable_content_region:
            super().action_page_down()  # type: ignore[no-untyped-call]
