"""The columns that the list of specs can be sorted by, and the sorting. No widgets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, cast

from tui.tokens.verdicts import Standing, standing

if TYPE_CHECKING:
    from tui.specs.rows import Row

Key = tuple[int | str, ...] | int | str


class Column(Enum):
    """A column; the value is its name in the heading and in the chooser."""

    PLACE = "file"
    """The folder, file and entry: the order in which a scan finds specs."""
    NAME = "name"
    VIDEO = "video"
    SIZE = "size"
    FRAMES = "frames"
    TOKENS = "tokens"
    VERDICT = "verdict"
    STATE = "state"

    @property
    def changes(self) -> bool:
        """Whether its values change while specs are planned and jobs go on."""
        return self not in (Column.PLACE, Column.NAME, Column.VIDEO)


@dataclass(frozen=True, slots=True)
class SortOrder:
    """The order of the list: a column, and a direction."""

    column: Column = Column.PLACE
    descending: bool = False

    def by(self, column: Column) -> SortOrder:
        """Return the order by that column; if it is the present column, in the other direction."""
        return SortOrder(column, descending=column is self.column and not self.descending)

    @property
    def arrow(self) -> str:
        """The arrow in the heading of the column."""
        return "▼" if self.descending else "▲"


def sort_rows(rows: Iterable[Row], order: SortOrder) -> list[Row]:
    """Sort the rows stably. Rows without a value come last in both directions."""
    key_of = _KEYS[order.column]
    known: list[Row] = []
    unknown: list[Row] = []
    for row in rows:
        (unknown if key_of(row) is None else known).append(row)
    # None of them is None, which the type of the key cannot say.
    known.sort(key=cast("Callable[[Row], str]", key_of), reverse=order.descending)
    return known + unknown


def _size(row: Row) -> Key | None:
    if row.plan is None or row.plan.video is None:
        return None
    size = row.plan.video.size
    return size.width * size.height, size.width


def _frames(row: Row) -> Key | None:
    return row.plan.video.frames if row.plan and row.plan.video else None


def _tokens(row: Row) -> Key | None:
    return row.plan.budget.prompt_tokens if row.plan and row.plan.budget else None


def _verdict(row: Row) -> Key | None:
    found = standing(row.plan)
    return None if found is Standing.WAITING else _STANDINGS[found]


def _state(row: Row) -> Key | None:
    # What goes on comes first, then what went wrong, then what is done.
    if row.state is None:
        return 9 if row.upsampled else None
    return _STATES.get(row.state.value, _WAITING)


_STANDINGS = {found: place for place, found in enumerate(Standing)}
_WAITING = 3
_STATES = {
    state: place
    for place, state in enumerate(
        ("running", "sent", "preparing", "queued", "failed", "cancelled", "done")
    )
}
_KEYS: dict[Column, Callable[[Row], Key | None]] = {
    Column.PLACE: lambda row: row.place,
    Column.NAME: lambda row: row.folded_name,
    Column.VIDEO: lambda row: str(row.spec.video) if row.spec.video else None,
    Column.SIZE: _size,
    Column.FRAMES: _frames,
    Column.TOKENS: _tokens,
    Column.VERDICT: _verdict,
    Column.STATE: _state,
}
