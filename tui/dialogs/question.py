"""A question that is answered with yes or no."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.text import one_line


class QuestionScreen(ModalScreen[bool]):
    """Returns whether the answer is yes."""

    CSS_PATH = "panel.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)", "yes", key_display="y"),
        Binding("n,escape", "dismiss(False)", "no", key_display="n"),
    ]

    def __init__(self, title: str, question: Content) -> None:
        super().__init__()
        self._title = title
        self._question = question

    def compose(self) -> ComposeResult:
        """The question, and the keys in the frame."""
        with Vertical(classes="panel") as panel:
            panel.border_title = Content(one_line(self._title))
            panel.border_subtitle = "y yes · n no"
            yield Static(self._question, markup=False)
