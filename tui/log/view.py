"""The widget with the lines of the log. It draws the rows in sight only, however fast lines come in.

It scrolls by log lines, wrapped or not, so a wrapped log needs no index of all its rows: only the lines in
sight are ever wrapped.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.log.book import LogLine
from tui.log.line_text import Part, Shape, Times, clean, cut_row, gravity, is_marker, label, rows_of
from tui.log.lines import LogLines
from tui.widgets.own_keys import key_of, named_keys

_SIDEWAYS = 16
"""How many cells one key scrolls sideways."""


class LogMoved(Message):
    """Other lines are in sight or selected, or the view has begun or ceased to follow the end."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the screen."""

    number: int
    """The number of the line."""
    line: LogLine
    part: Part


class LogView(ScrollView, can_focus=True):
    """Shows `LogLines`. It follows the end until the reader scrolls up; then it keeps its place."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"log-view--{part}"
        for part in (
            *("time", "source", "info", "warning", "error", "marker", "match", "current-match"),
            "chosen",
        )
    }
    BINDINGS: ClassVar[list[BindingType]] = named_keys(
        "log",
        Binding("j,down", "move(1)", "down", show=False),
        Binding("k,up", "move(-1)", "up", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "a page down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "a page up", show=False),
        Binding("g,home", "go_first", "first", show=False),
        Binding("G,end", "follow", "follow", show=False),
        Binding("h,left", "sideways(-1)", "left", show=False),
        Binding("l,right", "sideways(1)", "right", show=False),
        Binding("w", "wrap", "wrap"),
        Binding("t", "times", "times", show=False),
        Binding("v", "choose", "select", show=False),
    )

    def __init__(self, lines: LogLines) -> None:
        super().__init__()
        self.lines = lines
        self.following = True
        """Whether the end is kept in sight."""
        self.wraps = False
        self.times = Times.CLOCK
        self.current: int | None = None
        """The number of the line that the search went to."""
        self.chosen: tuple[int, int] | None = None
        """The numbers of the line where the selection began, and of the line where it ends."""
        self._seen = 0
        """The number of the first line that is new to the reader."""
        self._top: int | None = None
        """The number of the line at the top, which stays there when older lines are dropped."""
        self._left = 0
        self._placing = False
        self._rows: list[_Row] = []

    # --- what is in sight ---

    def show_lines(self) -> None:
        """Draw the lines again, and keep the place or follow the end."""
        numbers = self.lines.numbers
        height = self._height
        tail = self._tail() if self.wraps else height
        self._placing = True
        # The last place from which the end is in sight is the last that can be scrolled to.
        self.virtual_size = Size(1, max(0, len(numbers) - tail) + height)
        if self.following:
            self._seen = self.lines.book.count
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True, immediate=True)
        elif self._top is not None:
            place = bisect_left(numbers, self._top)
            self.scroll_to(y=place, animate=False, force=True, immediate=True)
        self._placing = False
        self._lay_out()

    @property
    def new(self) -> int:
        """How many lines came since the reader scrolled up."""
        numbers = self.lines.numbers
        return 0 if self.following else len(numbers) - bisect_left(numbers, self._seen)

    @property
    def in_sight(self) -> list[LogLine]:
        """The lines that are at least partly in sight."""
        return list({row.number: row.line for row in self._rows}.values())

    @property
    def first_in_sight(self) -> int:
        """The number of the line at the top."""
        return self._rows[0].number if self._rows else 0

    @property
    def last_in_sight(self) -> int:
        """The number of the line at the bottom."""
        return self._rows[-1].number if self._rows else 0

    @property
    def chosen_lines(self) -> list[LogLine]:
        """The lines of the selection; empty without one."""
        if self.chosen is None:
            return []
        low, high = sorted(self.chosen)
        numbers = self.lines.numbers
        wanted = numbers[bisect_left(numbers, low) : bisect_left(numbers, high + 1)]
        return [line for number in wanted if (line := self.lines.book.line(number)) is not None]

    def go_to(self, number: int) -> None:
        """Scroll until the line is a third down from the top, and stay there."""
        self.current = number
        place = self.lines.place_of(number)
        if not any(row.number == number for row in self._rows):
            self._scroll(place - self._height // 3)
        self._hold()
        self._lay_out()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        row = self._rows[y]
        chosen = self.chosen is not None and min(self.chosen) <= row.number <= max(self.chosen)
        over = self._over() if chosen else Style.null()
        strip = Strip([Segment(text, style + over) for text, style in self._pieces(row)])
        return strip.adjust_cell_length(width, self.rich_style + over)

    def _pieces(self, row: _Row) -> Iterator[tuple[str, Style]]:
        shape = self._shape
        when, level, who = label(row.line, shape, time.time())
        kind = ("info", "warning", "error")[gravity(row.line.level)]
        marker = is_marker(row.line)
        if row.part.is_first:
            yield when, self._style("time")
            yield level, self._style(kind)
            yield who, self._style("source")
        else:
            yield " " * cell_len(when + level + who), self.rich_style
        style = self._style("marker" if marker and kind == "info" else kind)
        found = self._style("current-match" if row.number == self.current else "match")
        at = 0
        for begin, end in row.part.matches:
            yield row.part.text[at:begin], style
            yield row.part.text[begin:end], found
            at = end
        yield row.part.text[at:], style

    def _lay_out(self) -> None:
        """Find the rows that are in sight now."""
        rows = self._rows_up(len(self.lines.numbers)) if self._at_end else self._rows_down()
        self._rows = rows
        self._top = rows[0].number if rows else None
        if self.following:
            # A view that grew stands above where it was to scroll to, and the wheel counts from there.
            self.scroll_target_y = self.scroll_y
        self.refresh()

    def _rows_down(self) -> list[_Row]:
        rows: list[_Row] = []
        numbers = self.lines.numbers
        for place in range(self.scroll_offset.y, len(numbers)):
            rows += self._rows_of(numbers[place])
            if len(rows) >= self._height:
                break
        return rows[: self._height]

    def _rows_up(self, end: int) -> list[_Row]:
        """Return the rows above this place, as many as the view has."""
        rows: list[_Row] = []
        for place in reversed(range(end)):
            rows[:0] = self._rows_of(self.lines.numbers[place])
            if len(rows) >= self._height:
                break
        return rows[max(0, len(rows) - self._height) :]

    def _tail(self) -> int:
        """Return how many lines fill the view when its end is in sight."""
        return len({row.number for row in self._rows_up(len(self.lines.numbers))})

    def _rows_of(self, number: int) -> list[_Row]:
        line = self.lines.book.line(number)
        if line is None:
            return []
        shape, text = self._shape, clean(line.text)
        room = self.scrollable_content_region.width - shape.label_width
        matches = self.lines.matches(text)
        if not self.wraps:
            return [_Row(number, line, cut_row(text, matches, self._left, room))]
        return [_Row(number, line, part) for part in rows_of(text, matches, room, self._height)]

    @property
    def _shape(self) -> Shape:
        width = self.scrollable_content_region.width
        return Shape(self.times, len(self.lines.book.boxes) > 1, width >= 70)

    @property
    def _height(self) -> int:
        return max(1, self.scrollable_content_region.height)

    @property
    def _at_end(self) -> bool:
        return self.scroll_offset.y >= self.max_scroll_y

    # --- keys ---

    def action_move(self, lines: int) -> None:
        """Scroll, or move the end of the selection."""
        if self.chosen is None:
            self._scroll(self.scroll_offset.y + lines)
            return
        numbers = self.lines.numbers
        place = self.lines.place_of(self.chosen[1]) + lines
        if not numbers:
            return
        place = min(max(place, 0), len(numbers) - 1)
        self.chosen = self.chosen[0], numbers[place]
        shown = [row.number for row in self._rows]
        if numbers[place] not in shown:
            self._scroll(self.scroll_offset.y + lines)
        self._lay_out()
        self.post_message(LogMoved())

    def action_page(self, pages: int) -> None:
        """Scroll by the height of the view less one line."""
        step = max(1, len(self.in_sight) - 1)
        if self.chosen is not None:
            self.action_move(pages * step)
        else:
            self._scroll(self.scroll_offset.y + pages * step)

    def action_go_first(self) -> None:
        """Scroll to the oldest line."""
        if self.chosen is not None:
            self.action_move(-len(self.lines.numbers))
        self._scroll(0)

    def action_follow(self) -> None:
        """Scroll to the end, and follow it."""
        if self.chosen is not None:
            self.action_move(len(self.lines.numbers))
            self._scroll(self.max_scroll_y)
            return
        self.following = True
        self.current = None
        self.show_lines()
        self.post_message(LogMoved())

    def action_sideways(self, steps: int) -> None:
        """Scroll sideways, unless lines are wrapped and so all in sight."""
        if self.wraps:
            self.notify(
                f"Lines are wrapped; {key_of('log.wrap')} shows each on one row.", markup=False
            )
            return
        longest = max((cell_len(clean(line.text)) for line in self.in_sight), default=0)
        room = self.scrollable_content_region.width - self._shape.label_width
        self._left = min(max(0, self._left + steps * _SIDEWAYS), max(0, longest - room + 1))
        self._lay_out()

    def action_wrap(self) -> None:
        """Wrap long lines, or show each on one row."""
        self.wraps = not self.wraps
        self._left = 0
        self.show_lines()
        self.post_message(LogMoved())

    def action_times(self) -> None:
        """Show the time of day, then how long ago each line came, then no times."""
        self.times = self.times.next
        self.show_lines()

    def action_choose(self) -> None:
        """Begin a selection at the last line in sight, or end the one there is."""
        if self.chosen is not None:
            self.unchoose()
        elif self._rows:
            shown = [row.number for row in self._rows]
            start = self.current if self.current in shown else shown[-1]
            self.chosen = start, start
            self._hold()
            self.refresh()
        self.post_message(LogMoved())

    def unchoose(self) -> None:
        """Select nothing."""
        self.chosen = None
        self.refresh()
        self.post_message(LogMoved())

    # --- scrolling ---

    def _scroll(self, y: int) -> None:
        self.scroll_to(y=y, animate=False, force=True, immediate=True)

    def _hold(self) -> None:
        if self.following:
            self.following = False
            self._seen = self.lines.book.count
        self.post_message(LogMoved())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow the end if the reader scrolled there, by key, wheel or scrollbar."""
        super().watch_scroll_y(old_value, new_value)
        if self._placing or round(old_value) == round(new_value):
            return
        if not self._at_end:
            self._hold()
        elif self.chosen is None and new_value > old_value:
            self.following = True
            self._seen = self.lines.book.count
        self._lay_out()
        self.post_message(LogMoved())

    def on_resize(self) -> None:
        self.show_lines()

    def _over(self) -> Style:
        return Style(bgcolor=self._style("chosen").bgcolor)

    def _style(self, part: str) -> Style:
        return self.get_component_rich_style(f"log-view--{part}")
