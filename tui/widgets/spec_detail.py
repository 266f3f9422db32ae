"""The pane beside or below the list: everything about the current spec."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from backend.plan import Plan
from tui.detail import describe
from tui.listing import Row


class SpecDetail(VerticalScroll, can_focus=True):
    """Shows one row. It scrolls when it has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "down", show=False),
        Binding("k", "scroll_up", "up", show=False),
        Binding("g", "scroll_home", "top", show=False),
        Binding("G", "scroll_end", "bottom", show=False),
    ]

    def __init__(self, cwd: Path) -> None:
        super().__init__()
        self._cwd = cwd
        self._row: Row | None = None
        self._plan: Plan | None = None

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static(markup=False)

    def show(self, row: Row | None) -> None:
        """Show this row, from its top if it is another one than before."""
        plan = row.plan if row else None
        if row is self._row and plan is self._plan:
            return
        if row is not self._row:
            self.scroll_home(animate=False)
        self._row, self._plan = row, plan
        self._draw()

    def on_resize(self) -> None:
        """The bar and the wrapped facts follow the width."""
        self._draw()

    def _draw(self) -> None:
        width = self.scrollable_content_region.width
        # Before the first layout there is no width; the resize that ends it comes back here.
        if width > 0:
            text = describe(self._row, self._cwd, width) if self._row else ""
            self.query_one(Static).update(text)
