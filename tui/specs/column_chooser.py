"""The dialog that asks which columns the list of specs shows."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.specs.columns import CHOOSABLE
from tui.widgets.choice import Choices


class ColumnChooser(ModalScreen[frozenset[str]]):
    """Returns the columns that are hidden."""

    CSS_PATH = "choosers.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "done", "close", key_display="esc"),
        Binding("space", "turn", "show or hide", show=False),
        Binding("a", "show_all", "all", show=False),
    ]

    def __init__(self, hidden: frozenset[str]) -> None:
        super().__init__()
        self._hidden = hidden

    def compose(self) -> ComposeResult:
        options = [Option(self._line(name), id=name) for name in CHOOSABLE]
        chooser = Choices(*options, markup=False, compact=True)
        chooser.border_title = "Columns"
        chooser.border_subtitle = "space: show or hide · a: all · esc: done"
        chooser.highlighted = 0
        yield chooser

    @on(OptionList.OptionSelected)
    def action_turn(self) -> None:
        """Show the highlighted column, or hide it; Enter and a click do the same."""
        option = self.query_one(Choices).highlighted_option
        if option is not None and option.id is not None:
            self._hidden ^= {option.id}
            self._draw(option.id)

    def action_show_all(self) -> None:
        """Show all columns."""
        self._hidden = frozenset()
        for name in CHOOSABLE:
            self._draw(name)

    def action_done(self) -> None:
        """Close the dialog."""
        self.dismiss(self._hidden)

    def _draw(self, name: str) -> None:
        self.query_one(Choices).replace_option_prompt(name, self._line(name))

    def _line(self, name: str) -> Content:
        mark = "[ ]" if name in self._hidden else "[✓]"
        return Content.assemble(
            (f" {mark} ", "bold $text-accent"),
            f"{name:<9}",
            (CHOOSABLE[name], "$foreground-muted"),
        )
