"""Which accepted results a batch takes the place of, so that it can be told before the batch is queued."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from backend.results.review import decisions_at
from backend.store import Job, Order, Store


def results_replaced_by(store: Store, orders: Iterable[Order]) -> list[int]:
    """Return the jobs whose accepted results count as rejected once the results of these orders are written.

    A result that is held takes nobody's place before it is accepted. Blocks.
    """
    keys: defaultdict[Path, dict[int, str]] = defaultdict(dict)
    for order in orders:
        if not order.held:
            keys[order.destination][order.entry] = order.key
    return [
        number
        for file, of_file in keys.items()
        if file.exists()
        for number in _replaced_in(store, file, of_file)
    ]


def _replaced_in(store: Store, file: Path, keys: Mapping[int, str]) -> Iterator[int]:
    """Yield the jobs whose accepted results are in a file; `keys` are those of its orders, by entry."""
    candidates: defaultdict[int, list[Job]] = defaultdict(list)
    for job in store.candidates_in(file, keys):
        candidates[job.entry].append(job)
    for entry, jobs in candidates.items():
        if all(job.key == keys[entry] for job in jobs):
            continue
        for job, decision in decisions_at(store, file, jobs):
            if decision.is_wanted and job.key != keys[entry]:
                yield job.number


def words_on_replaced(replaced: Sequence[int]) -> str:
    """Say which accepted results others will take the place of; empty for none."""
    if not replaced:
        return ""
    those = "1 accepted result" if len(replaced) == 1 else f"{len(replaced):,} accepted results"
    return f"{those} will be replaced; `upsample results accept {replaced[0]}` brings one back"
