"""The list of boxes and their settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from backend.events import LinkState
from tui.settings.rows import (
    DEFAULTS,
    BoxGroup,
    Heading,
    Setting,
    SettingsListing,
    shown_source,
    shown_value,
)
from tui.settings.text import host_text
from tui.state.live import LiveBox
from tui.text import CHOSEN, cut, left, one_line
from tui.widgets.own_keys import named_keys
from tui.widgets.row_list import CurrentChanged, Piece, RowList
from tui.widgets.status_text import engine_text, link_text

_FOLD_CELLS = 4
"""A click on the first cells of a group folds or unfolds it: so many cells."""
_NAME = 28
_SOURCE = 24
_BOX = 16
_HOST = 20
_LINK = 15
_LINK_PARTS: dict[LinkState | None, str] = {LinkState.LIVE: "live", LinkState.STOPPED: "stopped"}


class SettingList(RowList[SettingsListing]):
    """Shows a `SettingsListing` and moves its cursor. The page decides what keys change."""

    PREFIX = "setting-list"
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"setting-list--{part}"
        for part in (
            *("cursor", "glyph", "title", "name", "value", "muted", "own", "overruled"),
            *("live", "busy", "stopped"),
        )
    }
    BINDINGS: ClassVar[list[BindingType]] = named_keys(
        "settings", Binding("g", "go_first", "first", show=False)
    )

    def __init__(self, listing: SettingsListing, live: Callable[[str], LiveBox | None]) -> None:
        """`live` returns what is known of a box."""
        super().__init__(listing)
        self._live = live

    @property
    def count(self) -> int:
        return len(self._listing.rows)

    def move_cursor(self, position: int) -> None:
        """Put the cursor there, or on the next row in that direction that is no heading."""
        self._listing.move_to(position, towards=position - self._listing.position)
        self._keep_in_sight()
        self.refresh()
        self.post_message(CurrentChanged())

    def _pieces(self, position: int, width: int, *, current: bool) -> Sequence[Piece]:
        row = self._listing.rows[position]
        cursor = ("▸" if current else " ", "glyph")
        match row:
            case Heading():
                return [(f" {row.title}", "title")]
            case BoxGroup():
                return [cursor, *self._group(row, width)]
            case Setting():
                return [cursor, *_setting(row, width)]

    def _group(self, row: BoxGroup, width: int) -> list[Piece]:
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
            (f"{CHOSEN} " if row.chosen else "  ", "glyph"),
            (name, "name"),
            (left(cut(host_text(row.box), _HOST - 1), _HOST), "value"),
            (left(cut(engine_text(row.box), engine - 1), engine), "muted"),
            (left(link, _LINK), _LINK_PARTS.get(live.link, "busy") if live else "muted"),
        ]

    def _clicked(self, event: events.Click) -> None:
        if isinstance(self._listing.current, BoxGroup) and event.x < _FOLD_CELLS:
            self._listing.fold()
            self.show_rows()

    def _keep_in_sight(self) -> None:
        # The heading above the first row comes into sight with it.
        self._show_lines(max(0, self._listing.position - 1), 2)


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
