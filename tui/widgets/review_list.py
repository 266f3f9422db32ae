"""The list of results: a line-API view that draws only what is in sight."""

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

from tui.messages import CurrentResultChanged
from tui.review_listing import ReviewListing
from tui.review_text import cells, headings, lay_out


class ReviewHeadings(Widget):
    """The names of the columns, above the list and as wide as its rows."""

    def render(self) -> str:
        """One line."""
        return headings(lay_out(self.size.width))


class ReviewList(ScrollView, can_focus=True):
    """Shows a ReviewListing and moves its cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"review-list--{part}"
        for part in (
            *("cursor", "cursor-glyph", "name", "count", "lints"),
            *("undecided", "accepted", "edited", "rejected"),
        )
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "down", show=False),
        Binding("k,up", "move(-1)", "up", show=False),
        Binding("home", "go_first", "first", show=False),
        Binding("G,end", "go_last", "last", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "a page down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "a page up", show=False),
    ]

    def __init__(self, listing: ReviewListing, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._listing = listing

    def show_rows(self) -> None:
        """Draw again: the listing is not what it was."""
        self.virtual_size = Size(1, len(self._listing.shown))
        self._keep_in_sight()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Line `y` of what is in sight."""
        position = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        if position >= len(self._listing.shown):
            return Strip.blank(width, self.rich_style)
        prompt = self._listing.shown[position]
        current = position == self._listing.position
        pieces = cells(prompt, self._listing.candidate_of(prompt), lay_out(width), current=current)
        over = self._cursor_style if current else Style.null()
        drawn = [
            Segment(text, self.get_component_rich_style(f"review-list--{part}") + over)
            for text, part in pieces
        ]
        return Strip(drawn).adjust_cell_length(width, self.rich_style + over)

    def action_move(self, rows: int) -> None:
        """Move the cursor by so many rows."""
        self._move_to(self._listing.position + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by so many pages; a line of the last page stays in sight."""
        self._move_to(self._listing.position + pages * max(1, self.size.height - 1))

    def action_go_first(self) -> None:
        """Move the cursor to the first result."""
        self._move_to(0)

    def action_go_last(self) -> None:
        """Move the cursor to the last result."""
        self._move_to(len(self._listing.shown) - 1)

    def on_click(self, event: events.Click) -> None:
        """A click chooses a row."""
        position = event.y + self.scroll_offset.y
        if position < len(self._listing.shown):
            self._move_to(position)

    def on_resize(self) -> None:
        """The cursor may be out of sight."""
        self._keep_in_sight()

    def _move_to(self, position: int) -> None:
        before = self._listing.position
        self._listing.move_to(position)
        if self._listing.position != before:
            self.show_rows()
            self.post_message(CurrentResultChanged())

    def _keep_in_sight(self) -> None:
        row = Region(0, self._listing.position, 1, 1)
        self.scroll_to_region(row, animate=False, force=True, immediate=True)

    @property
    def _cursor_style(self) -> Style:
        style = self.get_component_rich_style("review-list--cursor")
        return Style(bgcolor=style.bgcolor, bold=style.bold)
