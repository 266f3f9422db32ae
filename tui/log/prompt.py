"""The line on the log page that a search, a filter or a file's name is typed into."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from tui.widgets.typed_line import TypedLine


class PromptPurpose(StrEnum):
    """What the user types into the line."""

    SEARCH = "search for"
    FILTER = "only lines with"
    FILE = "save as"


class LogPrompt(TypedLine):
    """The input of the log page, and the purpose of what is typed into it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "go", key_display="⏎"),
        Binding("escape", "screen.back", "back", key_display="esc"),
        # Else the focus would go on, and the next letters would be commands.
        Binding("tab,shift+tab", "stay", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(select_on_focus=False)
        self.asked = PromptPurpose.SEARCH

    def action_stay(self) -> None:
        """Keep the focus."""

    def ask(self, asked: PromptPurpose, value: str) -> None:
        """Ask for a text of this purpose; the line begins with `value`."""
        self.asked = asked
        self.placeholder = asked
        with self.prevent(Input.Changed):
            self.value = value
        self.cursor_position = len(value)
        self.begin()
