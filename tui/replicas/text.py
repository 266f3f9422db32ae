"""The texts of the panel with replicas: columns, a line for each replica, and what is said around them."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from backend.box.replicas import ReplicaRow, in_flight_text
from backend.events import LinkState
from tui.queue.job_text import box_words
from tui.replicas.listing import ReplicaListing
from tui.text import cut_middle, left, one_line, right
from tui.widgets.own_keys import key_of
from tui.widgets.row_list import Piece

_GUTTER = 2
_NAME = 9
_STATE = 12
_FLIGHT = 11
_RATE = 8
_NODE = 8
"""The least width of the node's name. Columns are left out before it becomes narrower."""
_OTHERS = (("gpus", 9), ("restarts", 10), ("cache", 7))
"""The columns that are left out in a narrow window, the most useful one first."""
_GLYPHS = {
    "ready": "●",
    "starting": "◐",
    "placing": "·",
    "away": "◌",
    "failed": "✗",
    "refused": "✗",
    "draining": "◑",
    "drained": "○",
}
PARTS = ("ready", "going", "failed", "drained")
"""The last parts of the names of the styles for states."""
_PARTS = {
    "ready": "ready",
    "failed": "failed",
    "refused": "failed",
    "drained": "drained",
    "": "number",
}


@dataclass(frozen=True, slots=True)
class ReplicaColumns:
    """The width of each column in cells, with the space around it; 0 for a column that is left out."""

    node: int
    gpus: int
    cache: int
    restarts: int


def lay_out(width: int) -> ReplicaColumns:
    """Return the columns for a list of this width."""
    spare = width - _GUTTER - _NAME - _STATE - _FLIGHT - _RATE - _NODE
    given = {}
    for column, cells in _OTHERS:
        given[column] = cells if cells <= spare else 0
        spare -= given[column]
    return ReplicaColumns(max(1, _NODE + spare), **given)


def headings(columns: ReplicaColumns) -> str:
    """Return the names of the columns, each where its column is."""
    return "".join(
        (
            " " * _GUTTER,
            left("replica", _NAME),
            left("state", _STATE),
            left("node", columns.node),
            left("GPU", columns.gpus),
            right("in flight", _FLIGHT),
            right("tok/s", _RATE),
            right("cache", columns.cache),
            right("restarts", columns.restarts),
        )
    )


def cells(row: ReplicaRow, columns: ReplicaColumns, *, current: bool) -> list[Piece]:
    """Return one line of the list, as wide as all its columns."""
    state = one_line(row.state)
    glyph = _GLYPHS.get(state, " ")
    rate = "" if row.rate is None else f"{row.rate:,.0f}"
    cache = "" if row.cache_usage is None else f"{100 * row.cache_usage:.0f} %"
    restarts = "" if row.restarts is None else f"{row.restarts:,}"
    node = cut_middle(one_line(row.node), columns.node - 1)
    return [
        ("▸ " if current else "  ", "cursor-glyph"),
        (left(one_line(row.name), _NAME), "name"),
        (left(f"{glyph} {state}" if state else "–", _STATE), _PARTS.get(state, "going")),
        (left(node, columns.node), "name"),
        (left(one_line(row.gpus), columns.gpus), "number"),
        (right(in_flight_text(row), _FLIGHT), "number"),
        (right(rate, _RATE), "number"),
        (right(cache, columns.cache), "number"),
        (right(restarts, columns.restarts), "number"),
    ]


def box_text(listing: ReplicaListing, now: float) -> Content:
    """Say how the box is that is shown."""
    box = listing.live_box
    return Content.styled(one_line(listing.box), "bold") if box is None else box_words(box, now)


def remark_text(listing: ReplicaListing, *, has_replicas: bool) -> Content:
    """Say more of the current replica, or why there is none. `has_replicas` says whether the box's engine
    consists of some.
    """
    row, box = listing.current, listing.live_box
    if row is not None:
        detail = f"{row.name}: {one_line(row.detail)}" if row.detail else ""
        return Content.styled(detail, "$text-warning" if row.state != "ready" else "")
    if box is None or box.link is not LinkState.LIVE:
        again = key_of("queue.reconnect")
        words = (
            f"It is not connected. It is reached while it has work; {again} on page 2 tries again."
        )
    elif has_replicas:
        words = "No replica is told yet: they start when there is work."
    else:
        words = "It has one engine, and no replicas."
    return Content.styled(words, "$foreground-muted")


def why_unchangeable(row: ReplicaRow | None, *, has_replicas: bool) -> str:
    """Say why nothing can be done with this row; empty when something can."""
    if row is None:
        return "There is no replica."
    if row.may_change:
        return ""
    if has_replicas:
        return "The box runs an earlier version, which cannot do that. It is replaced when the box is idle."
    return "The engines of one vLLM start and end together: none can be drained or started anew by itself."
