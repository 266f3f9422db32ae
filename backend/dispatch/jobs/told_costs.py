"""Divides the cost of a request among the events of its jobs, so that their sum is what was paid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backend.store import Job


def with_told_costs(
    jobs: Sequence[Job], cost: float | None, *, is_paid: bool = False
) -> Iterator[tuple[Job, float | None]]:
    """Yield each job with the cost that is told of it: all of it with the first, nothing if it `is_paid`
    already; None where the cost is not known.
    """
    for place, job in enumerate(jobs):
        is_told = is_paid or place > 0
        yield job, 0.0 if is_told and cost is not None else cost
