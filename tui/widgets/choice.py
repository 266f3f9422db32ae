"""Inputs for one of a few values: on one line, or as a list of lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import OptionList

from tui.text import one_line


class Choice(Widget, can_focus=True):
    """Shows its value between arrows. The keys ←, → and space go round the values."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "turn(-1)", "before", show=False),
        Binding("right,l,space", "turn(1)", "next", show=False),
    ]

    @dataclass
    class Changed(Message):
        """Another value is chosen."""

        choice: Choice

    def __init__(self, values: Sequence[str], value: str, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._values = list(values)
        self._at = self._values.index(value)

    @property
    def value(self) -> str:
        """The chosen value."""
        return self._values[self._at]

    def render(self) -> Content:
        arrows = ("‹ ", " ›") if len(self._values) > 1 else ("  ", "")
        return Content.assemble(
            (arrows[0], "$foreground-muted"), one_line(self.value), (arrows[1], "$foreground-muted")
        )

    def action_turn(self, steps: int) -> None:
        """Choose another value."""
        if len(self._values) > 1:
            self._at = (self._at + steps) % len(self._values)
            self.refresh(layout=True)
            self.post_message(self.Changed(self))

    def on_click(self) -> None:
        """A click chooses the next one."""
        self.action_turn(1)


class Choices(OptionList):
    """A list of lines to choose one from. Keys that come before it is laid out do no harm."""

    def action_page_up(self) -> None:
        """Move up by a page."""
        if self.scrollable_content_region:
            super().action_page_up()  # type: ignore[no-untyped-call]

    def action_page_down(self) -> None:
        """Move down by a page."""
        if self.scrollable_content_region:
            super().action_page_down()  # type: ignore[no-untyped-call]
