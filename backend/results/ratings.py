"""Rates results, and keeps the rating in the provenance of the files that hold them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from backend.errors import InputError
from backend.results.decisions import deliver, files_that_hold
from backend.results.review import Reviewed, done_job
from backend.store import Store
from backend.store.rating import MOST_STARS, UNRATED, Rating

LONGEST_NOTE = 2_000
"""Characters of a note."""


def rate(
    store: Store, number: int, stars: int | None = None, note: str | None = None
) -> tuple[Rating, list[Path]]:
    """Rate the result of a job, or note something about it; None leaves what was said before.

    0 stars take a rating back, and an empty note takes the note back. Returns what holds now, and the files
    that were written because they hold the result. Raises UpsampleError when there is no result, the rating
    is none, or a file was changed since it was written; in the last case the rating holds all the same.
    Blocks.
    """
    job = done_job(store, number)
    before = store.ratings([number]).get(number, UNRATED)
    rating = Rating(
        before.stars if stars is None else stars, before.note if note is None else note.strip()
    )
    if not 0 <= rating.stars <= MOST_STARS:
        raise InputError(
            f"{rating.stars} is no rating", f"Rate with 1 to {MOST_STARS}; 0 takes a rating back."
        )
    if len(rating.note) > LONGEST_NOTE:
        raise InputError(f"the note is longer than {LONGEST_NOTE:,} characters")
    if rating == before:
        return rating, []
    store.set_rating(number, rating)
    written: list[Path] = []
    for file in files_that_hold(store, job):
        written += deliver(store, file)
    return rating, written


def best_of_each(prompts: Iterable[Reviewed]) -> list[int]:
    """Return the jobs whose results are rated best among the candidates for their prompts.

    Prompts without a rating are left out, and those whose best result is accepted already. Of two that are
    rated alike, the newer one is taken.
    """
    best = (
        max(prompt.candidates, key=lambda one: (one.rating.stars, one.number)) for prompt in prompts
    )
    return [one.number for one in best if one.rating.stars and not one.decision.is_wanted]
