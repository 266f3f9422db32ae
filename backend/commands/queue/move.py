"""`upsample queue move`: change the order in which jobs are sent.

The process that works on the queue follows the new order.
"""

from __future__ import annotations

from collections.abc import Sequence

from backend.commands.queue import JobOutcome, conclude, jobs_numbered, open_user_queue
from backend.dispatch.runs.reorder import Move, move_jobs
from backend.errors import InputError
from backend.exit_codes import ExitCode
from backend.store import Job


def move_waiting(
    numbers: Sequence[int], *, first: bool, last: bool, up: bool, down: bool, as_json: bool
) -> ExitCode:
    """Move the jobs among the waiting jobs, and print the new position of each."""
    wanted = {Move.TOP: first, Move.BOTTOM: last, Move.UP: up, Move.DOWN: down}
    chosen = [move for move, is_wanted in wanted.items() if is_wanted]
    if len(chosen) != 1 or not numbers:
        raise InputError(
            "name jobs, and one of --first, --last, --up and --down",
            "`upsample queue list` shows the numbers of the jobs.",
        )
    with open_user_queue() as store:
        jobs = jobs_numbered(store, numbers)
        order, _ = move_jobs(store, numbers, chosen[0])
    places = {number: place for place, number in enumerate(order, 1)}
    outcomes = [_outcome(job, places.get(job.number), len(order)) for job in jobs]
    return conclude(outcomes, as_json=as_json)


def _outcome(job: Job, place: int | None, waiting: int) -> JobOutcome:
    if place is None:
        return JobOutcome(job, False, f"does not wait: it is {job.state}")
    return JobOutcome(job, True, f"{place:,} of {waiting:,} that wait")
