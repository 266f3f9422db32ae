"""The list of replicas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.widget import Widget

from tui.replicas.listing import ReplicaListing
from tui.replicas.text import PARTS, cells, headings, lay_out
from tui.widgets.row_list import Piece, RowList


class ReplicaHeadings(Widget):
    """Shows the names of the columns above the list, as wide as its rows."""

    def render(self) -> str:
        return headings(lay_out(self.size.width))


class ReplicaList(RowList[ReplicaListing], can_focus=True):
    """A list of replicas with a cursor. The panel decides what keys do to the current one."""

    PREFIX = "replica-list"
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"replica-list--{part}" for part in ("cursor", "cursor-glyph", "name", "number", *PARTS)
    }

    @property
    def count(self) -> int:
        return len(self._listing.rows)

    def _pieces(self, position: int, width: int, *, current: bool) -> Sequence[Piece]:
        return cells(self._listing.rows[position], lay_out(width), current=current)
