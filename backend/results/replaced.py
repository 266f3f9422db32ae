"""Which accepted results a batch takes the place of, so that it can be told before the batch is queued."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from backend.results.review import decisions_by_place
from backend.store import Order, Store


def results_replaced_by(store: Store, orders: Iterable[Order]) -> list[int]:
    """Return the jobs whose accepted results count as rejected once the results of these orders are written.

    A result that is held takes nobody's place before it is accepted. Blocks.
    """
    return results_replaced_in(store, taken_places(orders))


def taken_places(orders: Iterable[Order]) -> dict[tuple[Path, int], str]:
    """Return the files that exist and that these orders write, with the entry, and the key of the order."""
    return {
        (order.destination, order.entry): order.key
        for order in orders
        if not order.held and order.destination.exists()
    }


def results_replaced_in(store: Store, taken: Mapping[tuple[Path, int], str]) -> list[int]:
    """Return what `results_replaced_by` does, of orders that take these places. Blocks."""
    if not taken:
        return []
    return [
        job.number
        for place, decisions in decisions_by_place(store)
        if (key := taken.get(place))
        for job, decision in decisions
        if decision.is_wanted and job.key != key
    ]


def words_on_replaced(replaced: Sequence[int]) -> str:
    """Say which accepted results others will take the place of; empty for none."""
    if not replaced:
        return ""
    those = "1 accepted result" if len(replaced) == 1 else f"{len(replaced):,} accepted results"
    return f"{those} will be replaced; `upsample results accept {replaced[0]}` brings one back"
