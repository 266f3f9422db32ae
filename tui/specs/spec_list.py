"""The list of specs. It draws the lines in sight only, so 100,000 rows cost what 40 do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.queue.state_signs import COLOURS
from tui.specs.columns import (
    ColumnChoice,
    SpecColumns,
    cells,
    column_at,
    heading_cells,
    headings,
    lay_out,
)
from tui.specs.listing import Listing
from tui.specs.rows import Column, heading
from tui.text import one_line
from tui.widgets.own_keys import key_of, named_keys
from tui.widgets.row_list import GUTTER, CurrentChanged, Piece, RowList, near

_NO_RANGE = (-1, -1)


@dataclass
class MarksChanged(Message):
    """Specs were marked or unmarked."""


@dataclass
class SortAsked(Message):
    """The heading of a column was clicked."""

    column: Column


@dataclass
class ReadAsked(Message):
    """A spec was double-clicked, or a heading was clicked."""


@dataclass
class SightChanged(Message):
    """Other rows of the list are in sight."""


def columns_of(listing: Listing, choice: ColumnChoice, width: int) -> SpecColumns:
    """Return the columns of a listing for a list of this width."""
    return lay_out(
        width,
        states=listing.has_states,
        kinds=len(listing.rows.kinds) > 1,
        hidden=choice.hidden,
        longest_name=listing.rows.longest_name,
    )


class ColumnHeadings(Widget):
    """Shows the names of the columns above the list, as wide as its rows. A click on a name sorts."""

    def __init__(self, listing: Listing, choice: ColumnChoice) -> None:
        super().__init__()
        self._listing = listing
        self._choice = choice

    def render(self) -> str:
        return headings(self._columns, self._listing.order)

    def on_click(self, event: events.Click) -> None:
        """Ask the page to sort the list by this column."""
        column = column_at(self._columns, event.x)
        if column is not None:
            self.post_message(SortAsked(column))

    @property
    def _columns(self) -> SpecColumns:
        return columns_of(self._listing, self._choice, self.size.width)


class SpecList(RowList[Listing]):
    """Shows a `Listing`, moves its cursor and sets its marks. The page decides what happens to marked
    specs.
    """

    PREFIX = "spec-list"
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"spec-list--{part}"
        for part in (
            *("cursor", "cursor-glyph", "mark", "name", "size", "send", "tokens", "track"),
            *(
                "waiting",
                "fits",
                "near",
                "exceeds",
                "refused",
                "fetch",
                "folder",
                "upsampled",
                "chosen",
            ),
            *(f"job-{part}" for part in COLOURS),
        )
    }
    BINDINGS: ClassVar[list[BindingType]] = named_keys(
        "specs",
        Binding("space", "mark", "mark"),
        Binding("a", "mark_all", "all"),
        Binding("v", "range", "range", show=False),
        Binding("i", "invert", "invert", show=False),
        Binding("A", "clear_marks", "clear marks", show=False),
        Binding("U", "undo_marks", "undo marks", show=False),
        Binding("x", "include_upsampled", "upsampled ones too", show=False),
        Binding("left", "fold(True)", "fold", show=False),
        Binding("right", "fold(False)", "unfold", show=False),
        Binding("g", "go_first", "first", show=False),
    )

    def __init__(
        self,
        listing: Listing,
        choice: ColumnChoice,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(listing, id=id)
        self._choice = choice
        self._styles: dict[tuple[str, bool, bool], Style] = {}
        """The styles by part, whether the cursor is there, and whether the row is in the range."""
        self._drawn_position = 0
        self._range = _NO_RANGE
        self.includes_upsampled = False
        """Whether prompts that are upsampled already are sent, too."""

    def show_rows(self) -> None:
        """Draw the list again after a change of its listing."""
        # Rows are as wide as the list, so there is nothing to scroll to sideways.
        was_in_sight = self._drawn_position in range(
            self.scroll_offset.y, self.scroll_offset.y + max(1, self.size.height)
        )
        moved = self._listing.position - self._drawn_position
        self.virtual_size = Size(1, len(self._listing.lines))
        self._drawn_position = self._listing.position
        # The cursor stays on its line of the screen; somebody who scrolled away from it is left in peace.
        if was_in_sight:
            # At the top it stays at the top: what comes first, a heading for instance, is to be seen.
            if moved and self.scroll_offset.y:
                self.scroll_to(y=self.scroll_offset.y + moved, animate=False, immediate=True)
            self._keep_in_sight()
        self.refresh()
        self.post_message(SightChanged())

    @property
    def in_sight(self) -> list[int]:
        """The numbers of the specs that are in sight now."""
        top = self.scroll_offset.y
        return [n for n in self._listing.lines[top : top + max(1, self.size.height)] if n >= 0]

    def notify_style_update(self) -> None:
        """Forget the styles, because the theme or the focus has changed."""
        self._styles.clear()
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        # Found once for all of them: it is looked for in the whole list.
        self._range = self._listing.range if self._listing.choosing else _NO_RANGE
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        position = y + self.scroll_offset.y
        # Not `size`, which has the scrollbar in it.
        width = self.scrollable_content_region.width
        if position >= len(self._listing.lines):
            return Strip.blank(width, self.rich_style)
        listing = self._listing
        current = position == listing.position
        chosen = self._range[0] <= position <= self._range[1]
        line = listing.lines[position]
        pieces = (
            self._heading(line, width, current=current)
            if line < 0
            else cells(
                listing.rows[line],
                columns_of(listing, self._choice, width),
                marked=line in listing.marked,
                current=current,
                chosen=chosen,
                beside=self._names_near(position),
            )
        )
        drawn = [Segment(text, self._style(part, current, chosen)) for text, part in pieces]
        return Strip(drawn).adjust_cell_length(width, self._style("", current, chosen))

    def _names_near(self, position: int) -> Iterator[str]:
        listing = self._listing
        for each in near(position, len(listing.lines)):
            if (line := listing.lines[each]) >= 0:
                yield one_line(listing.rows[line].spec.name)

    def _heading(self, line: int, width: int, *, current: bool) -> list[Piece]:
        group = self._listing.groups[heading(line)]
        marked = self._listing.marked
        count = sum(number in marked for number in group.numbers) if marked else 0
        return heading_cells(group, width, marked=count, current=current)

    @property
    def count(self) -> int:
        return len(self._listing.lines)

    def action_mark(self) -> None:
        """Mark the current spec, or remove its mark, and move on; in a range, mark the range."""
        if self._listing.choosing:
            self._listing.mark_range()
            self._marked()
        else:
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

    def action_include_upsampled(self) -> None:
        """Send prompts that are upsampled already, too, or leave them alone again."""
        self.includes_upsampled = not self.includes_upsampled
        what = "sent, too" if self.includes_upsampled else "left alone"
        self.notify(f"Prompts that are upsampled already are {what}.", markup=False)

    def action_range(self) -> None:
        """Begin a range, or mark the present one."""
        if self._listing.choosing:
            self._listing.mark_range()
        else:
            self._listing.begin_range()
        self._marked()

    def action_clear_marks(self) -> None:
        """Remove all marks, and say how to restore them."""
        count = self._listing.clear_marks()
        self._marked()
        self.notify(
            f"{count:,} unmarked; {key_of('specs.undo-marks')} brings that back."
            if count
            else "Nothing is marked.",
            markup=False,
        )

    def action_undo_marks(self) -> None:
        """Undo the last change of marks."""
        if self._listing.undo_marks() is None:
            self.notify("There is no change of marks to undo.", markup=False)
        self._marked()

    def action_fold(self, folded: bool) -> None:
        """Hide or show the specs of the current folder."""
        self._listing.fold(folded)
        self.show_rows()
        self.post_message(CurrentChanged())

    def on_resize(self) -> None:
        """Tell which rows are in sight."""
        self.post_message(SightChanged())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tell which rows are in sight."""
        super().watch_scroll_y(old_value, new_value)
        self.post_message(SightChanged())

    def move_cursor(self, position: int) -> None:
        """Put the cursor there, or at the nearest end, and post that it moved."""
        before = self._listing.position
        self._listing.move_to(position)
        self._drawn_position = self._listing.position
        if self._listing.position != before:
            self._keep_in_sight()
            if self._listing.choosing:
                self.refresh()
            else:  # scrolling draws the other lines anyway
                self.refresh_line(before)
                self.refresh_line(self._listing.position)
            self.post_message(CurrentChanged())

    def _clicked(self, event: events.Click) -> None:
        on_spec = self._listing.current is not None
        if event.x < GUTTER and on_spec:
            self._listing.toggle_mark()
            self._marked()
        elif event.chain == 2 or not on_spec:
            self.post_message(ReadAsked())

    def _marked(self) -> None:
        self.refresh()
        self.post_message(MarksChanged())

    def _style(self, part: str, current: bool, chosen: bool) -> Style:
        key = (part, current, chosen)
        style = self._styles.get(key)
        if style is None:
            style = self._component(part) if part else self.rich_style
            if chosen:
                style += Style(bgcolor=self._component("chosen").bgcolor)
            if current:
                style += self._cursor_style
            self._styles[key] = style
        return style
