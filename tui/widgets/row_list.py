"""The base of the lists: it draws rows, of which one has the cursor.

It draws the rows in sight only, so 100,000 rows cost what 40 do. Each list says what its rows show, and
what choosing one means. It has a single line of base classes on purpose: Textual looks for component
classes along the first base alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.widgets.own_keys import named_keys

Piece = tuple[str, str]
"""A text of a row, and the last part of the name of its style, "mark" for "job-list--mark"."""

_NEAR = 4
"""Rows above, and below."""

GUTTER = 3
"""Cells before the first column, where the mark stands; a click there marks the row."""


def near(position: int, count: int) -> Iterator[int]:
    """Return the positions of the rows just above and below one: their names are not to look the same."""
    for each in range(max(0, position - _NEAR), min(count, position + _NEAR + 1)):
        if each != position:
            yield each


@dataclass
class CurrentChanged(Message):
    """The cursor of the list is on another row."""


class Rows(Protocol):
    """The rows of a list, as far as its cursor needs to know them."""

    position: int
    """The position of the cursor; 0 when there are no rows."""

    def move_to(self, position: int, /) -> None:
        """Put the cursor there, or at the nearest end."""


L = TypeVar("L", bound=Rows)


class RowList(ScrollView, Generic[L], can_focus=True):
    """Draws rows, and moves the cursor by keys and clicks."""

    PREFIX: ClassVar[str]
    """The first part of the names of the list's component classes, "job-list" for "job-list--mark"."""
    HAS_CURSOR: ClassVar[bool] = True
    BINDINGS: ClassVar[list[BindingType]] = named_keys(
        "lists",
        Binding("j,down", "move(1)", "down", show=False),
        Binding("k,up", "move(-1)", "up", show=False),
        Binding("home", "go_first", "first", show=False),
        Binding("G,end", "go_last", "last", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "a page down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "a page up", show=False),
    )

    def __init__(self, listing: L, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._listing = listing

    # --- what each list says for itself

    @property
    def count(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def move_cursor(self, position: int) -> None:
        """Put the cursor there, or at the nearest end, and post that it moved."""
        self._listing.move_to(position)
        self._keep_in_sight()
        self.refresh()
        self.post_message(CurrentChanged())

    def _pieces(self, position: int, width: int, *, current: bool) -> Sequence[Piece]:
        """Return the pieces of a row of `width` cells."""
        raise NotImplementedError

    def _clicked(self, event: events.Click) -> None:
        """Handle a click on the row that has the cursor now."""

    # --- what all have

    def render_line(self, y: int) -> Strip:
        position = y + self.scroll_offset.y
        # Not `size`, which has the scrollbar in it.
        width = self.scrollable_content_region.width
        if position >= self.count:
            return Strip.blank(width, self.rich_style)
        current = self.HAS_CURSOR and position == self._listing.position
        over = self._cursor_style if current else Style.null()
        pieces = self._pieces(position, width, current=current)
        drawn = [Segment(text, self._component(part) + over) for text, part in pieces]
        return Strip(drawn).adjust_cell_length(width, self.rich_style + over)

    def show_rows(self) -> None:
        """Draw the list again after a change of its listing."""
        # Rows are as wide as the list, so there is nothing to scroll to sideways.
        self.virtual_size = Size(1, self.count)
        self._keep_in_sight()
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the clicked row."""
        position = event.y + self.scroll_offset.y
        if self.HAS_CURSOR and position < self.count:
            self.move_cursor(position)
            self._clicked(event)

    def on_resize(self) -> None:
        """Bring the cursor back into sight."""
        self._keep_in_sight()

    def action_move(self, rows: int) -> None:
        """Move the cursor by so many rows."""
        self.move_cursor(self._listing.position + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by pages; a line of the last page stays in sight."""
        self.move_cursor(self._listing.position + pages * max(1, self.size.height - 1))

    def action_go_first(self) -> None:
        """Move the cursor to the first row."""
        self.move_cursor(0)

    def action_go_last(self) -> None:
        """Move the cursor to the last row."""
        self.move_cursor(self.count - 1)

    def _keep_in_sight(self) -> None:
        if self.HAS_CURSOR:
            self._show_lines(self._listing.position, 1)

    def _show_lines(self, first: int, count: int) -> None:
        lines = Region(0, first, 1, count)
        self.scroll_to_region(lines, animate=False, force=True, immediate=True)

    @property
    def _cursor_style(self) -> Style:
        style = self._component("cursor")
        return Style(bgcolor=style.bgcolor, bold=style.bold)

    def _component(self, part: str) -> Style:
        return self.get_component_rich_style(f"{self.PREFIX}--{part}")
