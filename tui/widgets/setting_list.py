"""The list of boxes and settings: a line-API view, like the list of specs."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from backend.events import LinkState
from tui.harmless import cut, left, one_line
from tui.lines import link_text
from tui.live import LiveBox
from tui.messages import CurrentChanged
from tui.settings_rows import (
    DEFAULTS,
    Group,
    Heading,
    Setting,
    SettingRow,
    SettingsListing,
    shown_source,
    shown_value,
)
from tui.settings_text import engine_text, host_text

Piece = tuple[str, str]
_NAME = 28
_SOURCE = 24
_BOX = 16
_HOST = 20
_LINK = 15
_LINK_PARTS: dict[LinkState | None, str] = {LinkState.LIVE: "live", LinkState.STOPPED: "stopped"}


class SettingList(ScrollView, can_focus=True):
    """Shows a SettingsListing and moves its cursor. What the keys change is for the page."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"setting-list--{part}"
        for part in (
            *("cursor", "glyph", "title", "name", "value", "muted", "own", "overruled"),
            *("live", "busy", "stopped"),
        )
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "down", show=False),
        Binding("k,up", "move(-1)", "up", show=False),
        Binding("g,home", "go(0)", "first", show=False),
        Binding("G,end", "go(1000000)", "last", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "a page down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "a page up", show=False),
    ]

    def __init__(self, listing: SettingsListing, live: Callable[[str], LiveBox | None]) -> None:
        """`live` tells what was heard of a box."""
        super().__init__()
        self._listing = listing
        self._live = live

    def show_rows(self) -> None:
        """Draw again: rows or cursor are not what they were."""
        self.virtual_size = Size(1, len(self._listing.rows))
        self._keep_in_sight()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Line `y` of what is in sight."""
        position = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        if position >= len(self._listing.rows):
            return Strip.blank(width, self.rich_style)
        current = position == self._listing.position
        over = self._cursor_style if current else Style.null()
        pieces = self._pieces(self._listing.rows[position], width, current=current)
        drawn = [Segment(text, self._style(part) + over) for text, part in pieces]
        return Strip(drawn).adjust_cell_length(width, self.rich_style + over)

    def _pieces(self, row: SettingRow, width: int, *, current: bool) -> list[Piece]:
        cursor = ("▸" if current else " ", "glyph")
        match row:
            case Heading():
                return [(f" {row.title}", "title")]
            case Group():
                return [cursor, *self._group(row, width)]
            case Setting():
                return [cursor, *_setting(row, width)]

    def _group(self, row: Group, width: int) -> list[Piece]:
        fold = "▹ " if row.folded else "▿ "
        name = left(cut(one_line(row.name), _BOX - 1), _BOX)
        if row.box is None:
            return [
                (fold, "muted"),
                ("  ", "muted"),
                (name, "name"),
                ("what all boxes have", "muted"),
            ]
        live = self._live(row.name)
        link = link_text(live.link).plain if live and live.link else ""
        engine = max(8, width - 5 - _BOX - _HOST - _LINK)
        return [
            (fold, "muted"),
            ("● " if row.chosen else "○ ", "glyph" if row.chosen else "muted"),
            (name, "name"),
            (left(cut(host_text(row.box), _HOST - 1), _HOST), "value"),
            (left(cut(engine_text(row.box), engine - 1), engine), "muted"),
            (left(link, _LINK), _LINK_PARTS.get(live.link, "busy") if live else "muted"),
        ]

    def on_click(self, event: events.Click) -> None:
        """A click chooses a row; on its left edge it folds or unfolds it."""
        position = event.y + self.scroll_offset.y
        if position < len(self._listing.rows):
            self._move_to(position, 1)
            if isinstance(self._listing.current, Group) and event.x < 4:
                self._listing.fold()
                self.show_rows()

    def on_resize(self) -> None:
        """The cursor may be out of sight."""
        self._keep_in_sight()

    def action_move(self, rows: int) -> None:
        """Move the cursor by so many rows."""
        self._move_to(self._listing.position + rows, rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by so many pages."""
        self._move_to(self._listing.position + pages * max(1, self.size.height - 1), pages)

    def action_go(self, position: int) -> None:
        """Move the cursor to a row, or to the last one."""
        self._move_to(position, 1)

    def _move_to(self, position: int, towards: int) -> None:
        self._listing.move_to(position, towards)
        self._keep_in_sight()
        self.refresh()
        self.post_message(CurrentChanged())

    def _keep_in_sight(self) -> None:
        # The heading above the first row comes into sight with it.
        top = max(0, self._listing.position - 1)
        row = Region(0, top, 1, 2)
        self.scroll_to_region(row, animate=False, force=True, immediate=True)

    @property
    def _cursor_style(self) -> Style:
        style = self.get_component_rich_style("setting-list--cursor")
        return Style(bgcolor=style.bgcolor, bold=style.bold)

    def _style(self, part: str) -> Style:
        return self.get_component_rich_style(f"setting-list--{part}")


def _setting(row: Setting, width: int) -> list[Piece]:
    entry, source = row.entry, row.entry.source
    indent = "    " if row.group else " "
    source_width = min(_SOURCE, width // 3)
    value = max(8, width - 1 - len(indent) - _NAME - source_width)
    part = "muted"
    if source.counts_more:
        part = "overruled"
    elif source.origin.name == "USER" and not (row.group != DEFAULTS and source.key != entry.key):
        part = "own"
    return [
        (indent, "name"),
        (left(cut(one_line(entry.name), _NAME - 1), _NAME), "name"),
        (left(cut(one_line(shown_value(entry)), value - 2), value), "value"),
        (left(cut(one_line(shown_source(source)), source_width - 1), source_width), part),
    ]
