"""What goes on, and what waits, when a front end is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from backend.store import Job, State

_ON_BOX = (State.SENT, State.RUNNING)


def describe_left(jobs: Iterable[Job], again: str) -> list[str]:
    """A line for each box that goes on, and one for what waits here.

    `again` is how to come back: "open upsample again". Names of boxes are the user's own data: sanitise
    before showing.
    """
    left = [job for job in jobs if not job.state.ended]
    on_box = Counter(job.box for job in left if job.state in _ON_BOX)
    waiting = sum(job.state not in _ON_BOX for job in left)
    lines = [
        f"{_jobs(count)} {'goes' if count == 1 else 'go'} on on {box}; {again} to see "
        f"{'it' if count == 1 else 'them'}."
        for box, count in sorted(on_box.items())
    ]
    if waiting:
        it = "it" if waiting == 1 else "them"
        lines.append(
            f"{_jobs(waiting)} {'waits' if waiting == 1 else 'wait'} in the queue; {again} to send {it}."
        )
    return lines


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count:,} jobs"
