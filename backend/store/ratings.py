"""Stores what users think of results."""

from __future__ import annotations

import time
from collections.abc import Iterable

from backend.store.database import EACH, Database, array
from backend.store.rating import MOST_STARS, UNRATED, Rating
from backend.store.trouble import Damaged


class Ratings(Database):
    """The table of ratings. A job without a row is not rated and has no note."""

    def ratings(self, numbers: Iterable[int] | None = None) -> dict[int, Rating]:
        """Return the ratings of these jobs, or of all, by job number. Those without one are missing."""
        among = "TRUE" if numbers is None else f"job IN {EACH}"
        with self._using() as db:
            rows = db.execute(
                f"SELECT job, stars, note FROM ratings WHERE {among}",  # noqa: S608 - our own words
                () if numbers is None else (array(numbers),),
            ).fetchall()
        for row in rows:
            if not 0 <= row["stars"] <= MOST_STARS:
                raise Damaged(f"the rating of job {row['job']} is not as it was written")
        return {row["job"]: Rating(row["stars"], row["note"]) for row in rows}

    def set_rating(self, job: int, rating: Rating) -> None:
        """Store the rating of a job's result in place of the one before."""
        with self._transaction() as db:
            db.execute("DELETE FROM ratings WHERE job = ?", (job,))
            if rating != UNRATED:
                db.execute(
                    "INSERT INTO ratings (job, stars, note, changed) VALUES (?, ?, ?, ?)",
                    (job, rating.stars, rating.note, time.time()),
                )
