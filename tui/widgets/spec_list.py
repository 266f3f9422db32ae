"""The list of specs: a line-API view that draws only what is in sight, so 100,000 rows cost what 40 do."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from tui.listing import Listing
from tui.messages import CurrentChanged, MarksChanged, SightChanged
from tui.widgets.columns import cells, headings, lay_out

_MARK_CELLS = 3
"""A click on these cells of a row marks it."""


class ColumnHeadings(Widget):
    """The names of the columns, above the list and as wide as its rows."""

    def render(self) -> str:
        """One line."""
        return headings(lay_out(self.size.width))


class SpecList(ScrollView, can_focus=True):
    """Shows a Listing, moves its cursor and sets its marks. What that means is for the screen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"spec-list--{part}"
        for part in (
            *("cursor", "cursor-glyph", "mark", "name", "size", "send", "tokens", "track"),
            *("waiting", "fits", "near", "exceeds", "refused"),
        )
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "mark"),
        Binding("a", "mark_all", "all"),
        Binding("v", "invert", "invert", show=False),
        Binding("j,down", "move(1)", "down", show=False),
        Binding("k,up", "move(-1)", "up", show=False),
        Binding("g,home", "go_first", "first", show=False),
        Binding("G,end", "go_last", "last", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "a page down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "a page up", show=False),
    ]

    def __init__(self, listing: Listing, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._listing = listing

    def show_rows(self) -> None:
        """Draw again: rows, filter or cursor of the listing are not what they were."""
        # Rows are as wide as the list, so there is nothing to scroll to sideways.
        self.virtual_size = Size(1, len(self._listing.shown))
        self._keep_in_sight()
        self.refresh()
        self.post_message(SightChanged())

    @property
    def in_sight(self) -> list[int]:
        """Numbers of the specs that are in sight now."""
        top = self.scroll_offset.y
        return self._listing.shown[top : top + max(1, self.size.height)]

    def render_line(self, y: int) -> Strip:
        """Line `y` of what is in sight."""
        position = y + self.scroll_offset.y
        # Not `size`, which has the scrollbar in it.
        width = self.scrollable_content_region.width
        if position >= len(self._listing.shown):
            return Strip.blank(width, self.rich_style)
        number = self._listing.shown[position]
        current = position == self._listing.position
        pieces = cells(
            self._listing.rows[number],
            lay_out(width),
            marked=number in self._listing.marked,
            current=current,
        )
        over = self._cursor_style if current else Style.null()
        drawn = [Segment(text, self._style(part) + over) for text, part in pieces]
        return Strip(drawn).adjust_cell_length(width, self.rich_style + over)

    def action_move(self, rows: int) -> None:
        """Move the cursor by so many rows."""
        self._move_to(self._listing.position + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by so many pages; a line of the last page stays in sight."""
        self._move_to(self._listing.position + pages * max(1, self.size.height - 1))

    def action_go_first(self) -> None:
        """Move the cursor to the first spec."""
        self._move_to(0)

    def action_go_last(self) -> None:
        """Move the cursor to the last spec."""
        self._move_to(len(self._listing.shown) - 1)

    def action_mark(self) -> None:
        """Mark the current spec, or take its mark away, and move on."""
        self._listing.toggle_mark()
        self._marked()
        self.action_move(1)

    def action_mark_all(self) -> None:
        """Mark all specs shown, or none of them if all are marked."""
        self._listing.toggle_all()
        self._marked()

    def action_invert(self) -> None:
        """Swap marked and unmarked."""
        self._listing.invert()
        self._marked()

    def on_click(self, event: events.Click) -> None:
        """A click chooses a row; on its left edge it marks it too."""
        position = event.y + self.scroll_offset.y
        if position >= len(self._listing.shown):
            return
        self._move_to(position)
        if event.x < _MARK_CELLS:
            self._listing.toggle_mark()
            self._marked()

    def on_resize(self) -> None:
        """Other rows are in sight, and the cursor may be out of it."""
        self._keep_in_sight()
        self.post_message(SightChanged())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tell which rows are in sight."""
        super().watch_scroll_y(old_value, new_value)
        self.post_message(SightChanged())

    def _move_to(self, position: int) -> None:
        before = self._listing.position
        self._listing.move_to(position)
        if self._listing.position != before:
            self._keep_in_sight()
            self.refresh()
            self.post_message(CurrentChanged())

    def _marked(self) -> None:
        self.refresh()
        self.post_message(MarksChanged())

    def _keep_in_sight(self) -> None:
        row = Region(0, self._listing.position, 1, 1)
        self.scroll_to_region(row, animate=False, force=True, immediate=True)

    @property
    def _cursor_style(self) -> Style:
        style = self.get_component_rich_style("spec-list--cursor")
        return Style(bgcolor=style.bgcolor, bold=style.bold)

    def _style(self, part: str) -> Style:
        return self.get_component_rich_style(f"spec-list--{part}")
