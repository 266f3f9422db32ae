"""Stores what the process that works on the queue says of its boxes, and requests to try a box again.

The rows are of the moment: they help processes that look on, and no job depends on them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from backend.store.database import Database


@dataclass(frozen=True, slots=True)
class NewsRow:
    """The newest news of one kind about one box."""

    box: str
    kind: str
    """What it is about, for example "link"."""
    event: str
    """The event as JSON."""
    time: float
    """Unix time at which it happened."""


class BoxNews(Database):
    """The tables of news about boxes and of requests to try a box again."""

    def put_news(self, holder: str, news: Iterable[NewsRow]) -> None:
        """Replace the news about these boxes by newer ones. A row with an empty `event` only removes the old
        one.

        `holder` is the mark of the process that holds the dispatcher lock.
        """
        with self._transaction() as db:
            for row in news:
                db.execute("DELETE FROM box_news WHERE box = ? AND kind = ?", (row.box, row.kind))
                if row.event:
                    db.execute(
                        "INSERT INTO box_news (box, kind, event, time, holder) "
                        "VALUES (?, ?, ?, ?, ?)",
                        (row.box, row.kind, row.event, row.time, holder),
                    )

    def news(self, box: str, holder: str) -> list[NewsRow]:
        """Return what the holder with this mark says of a box, in the order in which it happened."""
        return [row for row in self.news_of_all(holder) if row.box == box]

    def news_of_all(self, holder: str) -> list[NewsRow]:
        """Return what the holder with this mark says of every box, in the order in which it happened."""
        with self._using() as db:
            rows = db.execute(
                "SELECT box, kind, event, time FROM box_news WHERE holder = ? ORDER BY time, rowid",
                (holder,),
            ).fetchall()
        return [NewsRow(**dict(row)) for row in rows]

    def clear_news(self) -> None:
        """Remove all news, and all requests to try a box again."""
        with self._transaction() as db:
            db.execute("DELETE FROM box_news")
            db.execute("DELETE FROM tries")

    def ask_to_try(self, box: str) -> None:
        """Store a request to try this box now, for the process that works on the queue."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO tries VALUES (?, ?)", (box, time.time()))

    def take_tries(self) -> list[str]:
        """Return the boxes that have a request to be tried, and remove these requests."""
        with self._using() as db:
            if not db.execute("SELECT 1 FROM tries LIMIT 1").fetchone():
                return []
        with self._transaction() as db:
            rows = db.execute("DELETE FROM tries RETURNING box").fetchall()
        return [row["box"] for row in rows]
