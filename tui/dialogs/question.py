"""The dialog for a question that is answered with yes or no."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from tui.text import one_line, paragraphs
from tui.widgets.plain_text import PlainText


class QuestionDialog(ModalScreen[bool]):
    """Returns whether the answer is yes. Enter gives the default answer, which its last line shows.

    The default is no wherever a yes is dangerous.
    """

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "yes"),
        Binding("n,escape", "dismiss(False)", "no"),
        Binding("enter", "take_default", "the default", show=False),
    ]

    def __init__(self, title: str, question: str | Content, yes: str, *, default: bool) -> None:
        """`question` is made harmless if it is a string; `yes` says in a few words what a yes does."""
        super().__init__()
        self._title = title
        self._question = Content(paragraphs(question)) if isinstance(question, str) else question
        self._yes = yes
        self._default = default

    def compose(self) -> ComposeResult:
        """Compose the question, and a line with the keys and what each of them does."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(one_line(self._title))
            yield PlainText(self._question)
            yes_key, no_key = ("⏎", "n") if self._default else ("y", "⏎")
            keys = Content.assemble(
                (yes_key, "bold $primary"), f"  {self._yes}     ", (no_key, "bold $primary"), "  no"
            )
            yield PlainText(keys, classes="keys")

    def action_take_default(self) -> None:
        """Close with the default answer."""
        self.dismiss(self._default)
