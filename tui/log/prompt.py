"""The line on the log page that a search, a filter or a file's name is typed into."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from tui.widgets.typed_line import TypedLine


class PromptPurpose(StrEnum):
    """What is typed."""

    SEARCH = "search for"
    FILTER = "only lines with"
    FILE = "save as"


class LogPrompt(TypedLine):
    """It knows what it asks for."""

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
        """Do nothing."""

    def ask(self, asked: PromptPurpose, value: str) -> None:
        """Ask for this; `value` is what stands there to begin with."""
        self.asked = asked
        self.placeholder = asked
        with self.prevent(Input.Changed):
            self.value = value
        self.cursor_position = len(value)
        self.begin()
