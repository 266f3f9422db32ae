"""`upsample results rate`: what the user thinks of results."""

from __future__ import annotations

from collections.abc import Sequence

from backend.commands.queue import JobOutcome, conclude, jobs_numbered, open_user_queue
from backend.errors import InputError, UpsampleError
from backend.exit_codes import ExitCode
from backend.results.ratings import rate
from backend.store.rating import Rating


def rate_results(
    numbers: Sequence[int], stars: int | None, note: str | None, *, as_json: bool
) -> ExitCode:
    """Rate these results, or note something about them; None leaves what was said before."""
    if not numbers or (stars is None and note is None):
        raise InputError(
            "name the jobs, and a rating or a note",
            'As in `upsample results rate 7 9 --stars 4 --note "good light"`.',
        )
    outcomes: list[JobOutcome] = []
    with open_user_queue() as store:
        for job in jobs_numbered(store, numbers):
            try:
                rating, written = rate(store, job.number, stars, note)
            except UpsampleError as error:
                outcomes.append(JobOutcome(job, False, str(error)))
                continue
            where = f"; {written[0]} says so" if written else ""
            outcomes.append(JobOutcome(job, True, _in_words(rating) + where))
    return conclude(outcomes, as_json=as_json)


def _in_words(rating: Rating) -> str:
    stars = "★" * rating.stars if rating.stars else "not rated"
    return f"{stars} {rating.note}".strip()
