"""Moves waiting jobs up or down in the queue."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum

from backend.store import Job, Store


class Move(StrEnum):
    """Where jobs are moved to."""

    UP = "up"
    """One position up: before the job that they follow now."""
    DOWN = "down"
    """One position down: after the job that follows them now."""
    TOP = "top"
    """Before all other waiting jobs."""
    BOTTOM = "bottom"
    """After all other waiting jobs."""


def move_jobs(store: Store, numbers: Collection[int], move: Move) -> tuple[list[int], set[int]]:
    """Move some of the waiting jobs, and store their new places.

    Returns the numbers of all waiting jobs in their new order, and the numbers of the jobs whose place has
    changed. Blocks; raises QueueError.
    """
    with store.at_once():
        waiting = [job for job in store.unended() if job.state.waits]
        waiting.sort(key=lambda job: (job.place, job.number))
        places = rearrange(waiting, numbers, move)
        store.set_places(places)
    waiting.sort(key=lambda job: (places.get(job.number, job.place), job.number))
    return [job.number for job in waiting], set(places)


def rearrange(jobs: Sequence[Job], numbers: Collection[int], move: Move) -> dict[int, float]:
    """Compute the new places of the jobs whose place changes, by number.

    `jobs` are all waiting jobs in their order, and `numbers` are the jobs to move. The moved jobs keep their
    order among each other; a job that is at the end already stays there.
    """
    chosen = {job.number for job in jobs} & set(numbers)
    order = [job.number for job in jobs]
    match move:
        case Move.TOP:
            after = [n for n in order if n in chosen] + [n for n in order if n not in chosen]
        case Move.BOTTOM:
            after = [n for n in order if n not in chosen] + [n for n in order if n in chosen]
        case Move.UP:
            after = _a_step_up(order, chosen)
        case Move.DOWN:
            after = _a_step_up(order[::-1], chosen)[::-1]
    places = sorted(job.place for job in jobs)
    before = {job.number: job.place for job in jobs}
    return {n: place for n, place in zip(after, places, strict=True) if before[n] != place}


def _a_step_up(order: Sequence[int], chosen: Collection[int]) -> list[int]:
    after = list(order)
    for position in range(1, len(after)):
        above, here = after[position - 1], after[position]
        if here in chosen and above not in chosen:
            after[position - 1], after[position] = here, above
    return after
