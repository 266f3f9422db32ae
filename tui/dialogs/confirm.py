"""A question that is answered with yes or no, and no is what Enter says."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.text import one_line, paragraphs


class ConfirmScreen(ModalScreen[bool]):
    """True after `y`; False after everything else that closes it."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "yes"),
        Binding("n,enter,escape", "dismiss(False)", "no"),
    ]

    def __init__(self, title: str, text: str, yes: str) -> None:
        """`text` says what would happen; `yes` names it in a few words."""
        super().__init__()
        self._title = title
        self._text = text
        self._yes = yes

    def compose(self) -> ComposeResult:
        """The text, and the two keys."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(one_line(self._title))
            yield Static(paragraphs(self._text), markup=False)
            keys = Content.assemble(
                ("y", "bold $primary"), f"  {self._yes}     ", ("⏎", "bold $primary"), "  no"
            )
            yield Static(keys, classes="keys", markup=False)
