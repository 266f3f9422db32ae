"""Which accepted results a batch takes the place of, so that it can be told before the batch is queued."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backend.results.review import decisions_at
from backend.store import Order, Store


def results_replaced_by(store: Store, orders: Iterable[Order]) -> list[int]:
    """Return the jobs whose accepted results count as rejected once the results of these orders are written.

    A result that is held takes nobody's place before it is accepted. Blocks.
    """
    found: dict[int, None] = {}
    for order in orders:
        if order.held or not order.destination.exists():
            continue
        jobs = store.candidates_for(order.destination, order.entry)
        if any(job.key != order.key for job in jobs):
            found |= {
                job.number: None
                for job, decision in decisions_at(store, order.destination, jobs)
                if decision.is_wanted and job.key != order.key
            }
    return list(found)


def words_on_replaced(replaced: Sequence[int]) -> str:
    """Say which accepted results others will take the place of; empty for none."""
    if not replaced:
        return ""
    those = "1 accepted result" if len(replaced) == 1 else f"{len(replaced):,} accepted results"
    return f"{those} will be replaced; `upsample results accept {replaced[0]}` brings one back"
