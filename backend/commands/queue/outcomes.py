"""Prints what a verb did to each job: a table for people, or one JSON object a line for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backend.console import out, safe, table, write_json
from backend.store import Job


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What a verb did to one job."""

    job: Job
    """The job after the verb. For a job that was removed from the queue: the job before that."""
    is_as_asked: bool
    text: str
    """What is shown: "cancelled", or the reason why the job was not cancelled."""


def show_outcomes(outcomes: Sequence[JobOutcome], *, as_json: bool) -> None:
    """Print the outcomes to stdout."""
    if as_json:
        for outcome in outcomes:
            job = outcome.job
            write_json(
                {
                    "job": job.number,
                    "name": job.name,
                    "box": job.box,
                    "state": job.state.value,
                    "ok": outcome.is_as_asked,
                    "outcome": outcome.text,
                }
            )
    elif outcomes:
        shown = table("job", "name", "outcome", right=("job",), long=("name", "outcome"))
        for outcome in outcomes:
            shown.add_row(str(outcome.job.number), safe(outcome.job.name), safe(outcome.text))
        out().print(shown)
