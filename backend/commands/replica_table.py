"""The table of the replicas of a box, as a command prints it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from backend.box.replicas import ReplicaRow, in_flight_text
from backend.console import safe, table

UNKNOWN = "–"
"""Stands in a table for what is not known."""


def replica_table(rows: Sequence[ReplicaRow]) -> Table:
    """A table with a line for each of these, with the columns of which something is known."""
    has_states = any(row.may_change for row in rows)
    named = ("replica", "state", "node", "gpu") if has_states else ("engine",)
    counts = ("in flight", "tok/s", "cache", *(("restarts",) if has_states else ()))
    detail = ("detail",) if has_states else ()
    shown = table(*named, *counts, *detail, right=counts, long=detail)
    for row in rows:
        where = (row.state, row.node, row.gpus) if has_states else ()
        cells = (
            row.name,
            *where,
            in_flight_text(row),
            "" if row.rate is None else f"{row.rate:,.0f}",
            "" if row.cache_usage is None else f"{100 * row.cache_usage:.0f} %",
            *((str(row.restarts or 0), row.detail) if has_states else ()),
        )
        shown.add_row(*(safe(cell) or UNKNOWN for cell in cells))
    return shown
