"""The line for a setting's new value, which is checked while the user types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from backend.config import user_file
from backend.config.survey import SettingEntry
from backend.errors import ConfigError
from tui.text import paragraphs
from tui.widgets.plain_text import PlainText
from tui.widgets.typed_line import LineInput


class ValueInput(LineInput):
    """An input with keys to save the value or to give up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "save", key_display="⏎"),
        Binding("escape", "give_up", "leave it as it was", key_display="esc"),
    ]

    def action_give_up(self) -> None:
        """Leave the value as it was."""
        self.post_message(SettingEditor.GivenUp())


class SettingEditor(Vertical):
    """Asks for the value of one setting. What is wrong with it stands below, and a wrong value cannot be
    saved.
    """

    @dataclass
    class Edited(Message):
        """The user wants this value."""

        entry: SettingEntry
        text: str

    class GivenUp(Message):
        """The user wants to keep the old value."""

    def __init__(self, check: Callable[[SettingEntry, str], None]) -> None:
        """`check` raises ConfigError for a value that is not allowed."""
        super().__init__(disabled=True)
        self._check = check
        self._entry: SettingEntry | None = None

    def compose(self) -> ComposeResult:
        yield ValueInput(compact=True, select_on_focus=False)
        yield PlainText(id="wrong")

    def edit(self, entry: SettingEntry) -> None:
        """Edit the setting, beginning with its present value."""
        self._entry = entry
        self.disabled = False
        value = self.query_one(ValueInput)
        value.value = entry.text
        value.cursor_position = len(value.value)
        self.query_one("#wrong", PlainText).update("")
        value.focus()

    def close(self) -> None:
        """Stop editing."""
        self.disabled = True
        self._entry = None

    @on(Input.Changed)
    def _check_as_typed(self, event: Input.Changed) -> None:
        event.stop()
        self.query_one("#wrong", PlainText).update(self._complaint(event.value))

    @on(Input.Submitted)
    def _save(self, event: Input.Submitted) -> None:
        event.stop()
        if self._entry is not None and not self._complaint(event.value):
            self.post_message(self.Edited(self._entry, event.value))

    def _complaint(self, text: str) -> str:
        if self._entry is None or text == self._entry.text:
            return ""
        try:
            self._check(self._entry, text)
        except ConfigError as error:
            # The complaint begins with the file that it would be in, and there is only one here.
            problem = error.problem.removeprefix(f"{user_file()}: ")
            return f"✗ {paragraphs(problem)}"
        return ""
