"""Describes the jobs that still run on boxes, and those that wait here, when the program exits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from backend.store import Job, State


def describe_still_running(jobs: Iterable[Job], again: str) -> list[str]:
    """Return a line for each box that still works, one for the jobs that wait here, and one for paused ones.

    `again` tells how to come back: "open upsample again". Names of boxes are the user's own data: the
    caller sanitises them before they are shown.
    """
    unended = [job for job in jobs if not job.state.ended]
    on_box = Counter(job.box for job in unended if job.state.on_box)
    paused = sum(job.state is State.PAUSED for job in unended)
    waiting = len(unended) - on_box.total() - paused
    lines = [
        f"{_jobs(count)} {'goes' if count == 1 else 'go'} on on {box}; {again} to see "
        f"{'it' if count == 1 else 'them'}."
        for box, count in sorted(on_box.items())
    ]
    if waiting:
        lines.append(
            f"{_jobs(waiting)} {'waits' if waiting == 1 else 'wait'} in the queue; {again} to send "
            f"{'it' if waiting == 1 else 'them'}."
        )
    if paused:
        lines.append(
            f"{_jobs(paused)} {'stays' if paused == 1 else 'stay'} paused until you resume "
            f"{'it' if paused == 1 else 'them'}."
        )
    return lines


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count:,} jobs"
