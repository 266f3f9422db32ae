"""The dialog in which the user types one line."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.text import one_line
from tui.widgets.typed_line import LineInput


class LineDialog(ModalScreen[str | None]):
    """Returns the line that was typed, or None when the user gives up."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "give up", key_display="esc")
    ]

    def __init__(self, title: str, begun: str = "") -> None:
        """`begun` is what the line holds at first."""
        super().__init__()
        self._title = title
        self._begun = begun

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(one_line(self._title))
            dialog.border_subtitle = "⏎ keeps it · Esc gives up"
            yield LineInput(one_line(self._begun), compact=True, select_on_focus=False)

    @on(Input.Submitted)
    def _keep(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())
