"""`upsample queue clear`: forget jobs that have ended.

The queue keeps jobs that have not ended, and results that were never written to a file or wait for a review.
It also keeps a result when other jobs of its file have not ended, or are not accepted or written yet: the
file is then written again from all of its results.
"""

from __future__ import annotations

from collections.abc import Sequence

from backend.commands.queue import JobOutcome, open_user_queue, show_outcomes
from backend.console import say
from backend.exit_codes import ExitCode
from backend.results.review import chosen_file, waiting_for_review
from backend.results.undelivered import undelivered
from backend.store import Job, State, Store


def clear_jobs(*, done: bool, failed: bool, as_json: bool) -> ExitCode:
    """Forget the jobs that have ended, or only those that are done, or that failed or were cancelled."""
    wanted: list[State] = []
    if done or not failed:
        wanted.append(State.DONE)
    if failed or not done:
        wanted += [State.FAILED, State.CANCELLED]
    # One transaction, because another process may change the queue at the same time.
    with open_user_queue() as store, store.at_once():
        jobs = store.in_states(wanted)
        kept = _kept(store, jobs)
        forgotten = [job for job in jobs if job.number not in kept]
        store.forget(job.number for job in forgotten)
    outcomes = [
        JobOutcome(job, job.number not in kept, kept.get(job.number, "forgotten")) for job in jobs
    ]
    # People see only the jobs that are kept; programs see all.
    show_outcomes([o for o in outcomes if as_json or not o.is_as_asked], as_json=as_json)
    say(f"Forgotten: {len(forgotten)}. Kept: {len(kept)}.")
    return ExitCode.OK


def _kept(store: Store, jobs: Sequence[Job]) -> dict[int, str]:
    """Return the reason for each job that must stay in the queue, by job number."""
    unwritten = {due.job.number: due.file for due in undelivered(store)}
    to_be_written = set(unwritten.values())
    waiting = waiting_for_review(store)
    forgotten = {job.number for job in jobs}
    everything = store.jobs()
    shared = {
        job.destination
        for job in everything
        if job.number not in forgotten and job.state is not State.DONE
    } | {chosen_file(job) for job in everything if job.number in waiting}
    reasons: dict[int, str] = {}
    for job in jobs:
        if job.number in unwritten:
            reasons[job.number] = f"kept: its result was never written to {unwritten[job.number]}"
        elif job.number in waiting:
            reasons[job.number] = "kept: it waits for a review"
        elif job.state is State.DONE and {job.destination, chosen_file(job)} & to_be_written:
            reasons[job.number] = f"kept: other results for {job.destination} are to be written"
        elif job.state is State.DONE and {job.destination, chosen_file(job)} & shared:
            reasons[job.number] = f"kept: other jobs for {job.destination} are not done"
    return reasons
