"""Decides which box of a fleet takes the next job, so that all of them end at about the same time.

While many jobs are left, each box takes as many as keep its slots busy, so that a faster box gets more. Near
the end, a slow box leaves a job to the others where they are done with everything sooner.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

TAKEN_AHEAD = 4
"""How many jobs a box has beyond those that its slots work on: while one ends, the next ones have their
frames drawn, are on their way, or wait on the box."""


@dataclass(frozen=True, slots=True)
class BoxLoad:
    """What a box of a fleet has to do, and how fast it is."""

    slots: int
    """How many answers the box writes at the same time."""
    jobs: int
    """How many jobs it has taken that have not ended, of whatever batch."""
    seconds: float | None
    """How long one answer takes there; None while that is not known."""

    @property
    def _pace(self) -> float:
        """Answers a second, when all slots are busy; 0 while that is not known."""
        return self.slots / self.seconds if self.seconds else 0.0

    @property
    def _left(self) -> float:
        """How many answers are left to be written. Those in the slots are half written, on average."""
        in_slots = min(self.jobs, self.slots)
        return self.jobs - in_slots / 2

    @property
    def free(self) -> int:
        """How many of its slots have nothing to do."""
        return max(0, self.slots - self.jobs)

    def is_better_than(self, other: BoxLoad) -> bool:
        """Whether this box has a free slot, more of them than the other one, and is not known as slower."""
        if not self.free or not other.slots:
            return False
        is_emptier = (self.jobs + 1) * other.slots < (other.jobs + 1) * self.slots
        return is_emptier and (
            not self.seconds or not other.seconds or self.seconds <= other.seconds
        )

    def seconds_for_another(self) -> float | None:
        """Return about how long it takes until one more job is done here; None while that is not known."""
        if self.seconds is None or not self.slots:
            return None
        waiting = max(0, self.jobs - self.slots + 1)
        # The slots may have begun together, and then none is free before all are.
        return self.seconds * (1 + math.ceil(waiting / self.slots))


def may_take(box: BoxLoad, others: Iterable[BoxLoad], untaken: int) -> bool:
    """Return whether a box takes one of the jobs that are left. `others` can take them as well, now.

    `untaken` is how many jobs the box may choose from; it is at least 1.
    """
    if box.jobs >= box.slots + TAKEN_AHEAD:
        return False
    others = [other for other in others if other.slots]
    if not others:
        return True
    free = box.free + sum(other.free for other in others)
    if untaken <= free and any(other.is_better_than(box) for other in others):
        return False  # an engine answers the sooner the fewer answers it writes at the same time
    own = box.seconds_for_another()
    if own is None or any(other.seconds is None for other in others):
        # Who is faster is not known yet. What no slot is free for, another box may do sooner.
        return box.jobs < box.slots or untaken > box.slots + sum(other.slots for other in others)
    pace = sum(other._pace for other in others)
    last_begins = (sum(other._left for other in others) + untaken - 1) / pace if pace else 0.0
    return own <= last_begins + min(other.seconds or 0.0 for other in others)
