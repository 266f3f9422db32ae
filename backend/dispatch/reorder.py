"""Moves waiting jobs up or down in the queue."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum

from backend.store import Job, Store


class Move(StrEnum):
    """Where jobs are moved to."""

    UP = "up"
    """Before the job that they follow now."""
    DOWN = "down"
    TOP = "top"
    """Before all others."""
    BOTTOM = "bottom"
    """After all others."""


def move_jobs(store: Store, numbers: Collection[int], move: Move) -> tuple[list[int], set[int]]:
    """Move these of the jobs that wait. Returns all that wait in their order now, and those that stand
    elsewhere than before, by number. Blocks; raises QueueError.
    """
    with store.at_once():
        waiting = [job for job in store.unended() if job.state.unsent]
        waiting.sort(key=lambda job: (job.place, job.number))
        places = rearrange(waiting, numbers, move)
        store.set_places(places)
    waiting.sort(key=lambda job: (places.get(job.number, job.place), job.number))
    return [job.number for job in waiting], set(places)


def rearrange(jobs: Sequence[Job], numbers: Collection[int], move: Move) -> dict[int, float]:
    """The new places of the jobs that stand elsewhere after the move, by number.

    `jobs` are all that wait, in their order; `numbers` those that are moved. These keep their order
    among themselves, and what is at the end already stays there.
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
