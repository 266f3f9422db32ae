"""The dialog that asks for the column to sort by. Choosing the present column reverses the order."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.specs.rows import Column, SortOrder
from tui.widgets.choice import Choices

_LETTERS = {
    "o": (Column.PLACE, "folder and file, as they lie on disk"),
    "n": (Column.NAME, ""),
    "m": (Column.FORMAT, "and mode, as in cosmos3 t2v"),
    "v": (Column.VIDEO, "its path"),
    "s": (Column.SIZE, "pixels of the video"),
    "f": (Column.FRAMES, "of the video"),
    "t": (Column.TOKENS, "of prompt and frames, as sent"),
    "r": (Column.VERDICT, "fits, near, exceeds, refused"),
    "j": (Column.STATE, "of its job"),
}


class SortChooser(ModalScreen[SortOrder | None]):
    """Returns the chosen order, or None."""

    CSS_PATH = "choosers.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "close", key_display="esc"),
        *(Binding(letter, f"sort('{letter}')", show=False) for letter in _LETTERS),
    ]

    def __init__(self, order: SortOrder) -> None:
        super().__init__()
        self._order = order

    def compose(self) -> ComposeResult:
        options = [
            Option(self._line(letter, column, what), id=letter)
            for letter, (column, what) in _LETTERS.items()
        ]
        chooser = Choices(*options, markup=False, compact=True)
        chooser.border_title = "Sort by"
        chooser.border_subtitle = "again: the other way round"
        chooser.highlighted = [column for column, _ in _LETTERS.values()].index(self._order.column)
        yield chooser

    def action_sort(self, letter: str) -> None:
        """Sort by the column of that letter."""
        column, _ = _LETTERS[letter]
        self.dismiss(self._order.by(column))

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.action_sort(event.option.id or "")

    def _line(self, letter: str, column: Column, what: str) -> Content:
        arrow = self._order.arrow if column is self._order.column else " "
        return Content.assemble(
            (f" {letter} ", "bold $text-accent"),
            f" {column.value:<8}{arrow} ",
            (what, "$foreground-muted"),
        )
