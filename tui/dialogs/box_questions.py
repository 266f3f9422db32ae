"""Questions about a box: is this its host key, and what is the password.

The user types the answers to these, and a link waits for them, so they are not a `QuestionDialog`.
"""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.text import one_line
from tui.widgets.plain_text import PlainText
from tui.widgets.typed_line import LineInput

if TYPE_CHECKING:
    from backend.box.asker import HostKeyQuestion

T = TypeVar("T")

_YES = ("y", "yes")
SHORT = [(0, "-short"), (22, "-high")]
"""Classes by the height of the window: in a low one, the space between lines is left out."""


class BoxQuestion(ModalScreen[T | None]):
    """A dialog whose answer a link waits for. The link may stop waiting and withdraw it."""

    CSS_PATH = "dialog.tcss"
    VERTICAL_BREAKPOINTS = SHORT
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "no", key_display="esc")]

    def __init__(self) -> None:
        super().__init__()
        self._withdrawn = False

    @cached_property
    def answered(self) -> asyncio.Future[T | None]:
        """The user's answer; None when the user gives none."""
        return asyncio.get_running_loop().create_future()

    def answer(self, value: T | None) -> None:
        """Give the answer to the waiting link, and close."""
        if not self.answered.done():
            self.answered.set_result(value)
        self.withdraw()

    def withdraw(self) -> None:
        """Close at once, or once the screens on top of it have closed."""
        self._withdrawn = True
        if self.is_attached and self.app.screen is self:
            self.dismiss(None)

    def on_screen_resume(self) -> None:
        """Close if the dialog was withdrawn while another screen was on top of it."""
        if self._withdrawn:
            self.withdraw()

    def on_unmount(self) -> None:
        """Give no answer, because the app ends."""
        if not self.answered.done():
            self.answered.set_result(None)

    def action_give_up(self) -> None:
        """Close without an answer."""
        self.answer(None)


class HostKeyDialog(BoxQuestion[bool]):
    """Asks whether a host key is the right one. Only a typed yes counts as yes; the default is no."""

    def __init__(self, question: HostKeyQuestion) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        asked = self._question
        facts = (
            ("host", asked.host),
            ("algorithm", asked.algorithm),
            ("fingerprint", asked.fingerprint),
        )
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Is this the box that you mean?"
            yield PlainText(f"Nobody has vouched for the host key of {one_line(asked.host)} yet.")
            yield PlainText(classes="gap")
            for label, value in facts:
                with Horizontal(classes="fact"):
                    yield PlainText(label, classes="label")
                    yield PlainText(Content.styled(one_line(value), "bold"))
            yield PlainText(
                "Compare the fingerprint with what the box's owner says, or with what is shown there by "
                f"`ssh-keygen -lf {asked.public_key_file}`. If it is another one, somebody may be "
                "listening in.",
                classes="note",
            )
            yield PlainText(classes="gap")
            with Horizontal(classes="row"):
                yield PlainText("trust it?", classes="label")
                yield LineInput(placeholder="no", compact=True)
            keys = Content.assemble(
                ("yes ⏎", "bold $primary"), "  trust and remember it    ",
                ("⏎", "bold $primary"), "  no, jobs stay queued",
            )  # fmt: skip
            yield PlainText(keys, classes="keys")

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        event.stop()
        self.answer(event.value.strip().lower() in _YES)


class SecretDialog(BoxQuestion[str]):
    """Asks for a password or passphrase. It is shown as dots, kept nowhere and handed on once."""

    def __init__(self, prompt: str) -> None:
        super().__init__()
        self._prompt = prompt

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "A box asks"
            yield PlainText(one_line(self._prompt.strip()))
            yield PlainText(classes="gap")
            with Horizontal(classes="row"):
                yield LineInput(password=True, compact=True)
            keys = Content.assemble(
                ("⏎", "bold $primary"),
                "  hand it on     ",
                ("Esc", "bold $primary"),
                "  not now",
            )
            yield PlainText(keys, classes="keys")

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        event.stop()
        self.answer(event.value)
