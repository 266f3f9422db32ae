"""The workers behind the review page. They read results and decide in threads, and post the outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message
from textual.screen import Screen

from backend.errors import UpsampleError
from backend.results.review import Candidate, Review
from backend.store.decision import Decision
from tui.review.decisions import (
    decide_many,
    decide_one,
    order_for,
    rate_many,
    read_review,
    undo_last,
)
from tui.shell.steady_app import CHANGES
from tui.shell.work import Work, start_work
from tui.state.live import Live
from tui.text import one_line

if TYPE_CHECKING:
    from backend.dispatch.runs.runner import QueueRunner


@dataclass
class ReviewRead(Message):
    """The results of the queue were read."""

    review: Review


@dataclass
class ReviewFailed(Message):
    """The results could not be read, or a decision was not made."""

    error: UpsampleError
    job: int | None
    """The job of the decision; None when the results could not be read."""


@dataclass
class ReviewTold(Message):
    """A decision was made."""

    text: str
    """What the decision did; empty when there is nothing to say about it."""
    job: int | None = None


class ReviewWorkers:
    """The workers of one page and queue. A change that was begun is finished before the app ends."""

    def __init__(self, page: Screen[None], queue: Path) -> None:
        self._page = page
        self._queue = queue
        self.in_order = asyncio.Lock()
        """Makes changes in the order in which the user asked for them."""

    def read(self, known: Mapping[int, Candidate]) -> None:
        """Read the results, in place of an earlier read that is not done yet."""
        self._start(partial(self._read, known), group="read")

    def decide(self, number: int, decision: Decision, text: str | None) -> None:
        """Decide about the result of a job."""
        self._change(lambda: decide_one(self._queue, number, decision, text), number)

    def undo(self) -> None:
        """Undo the last decision."""
        self._change(lambda: undo_last(self._queue), 0)

    def decide_many(self, numbers: Sequence[int], decision: Decision) -> None:
        """Accept or reject the results of these jobs."""
        self._start(
            partial(self._change_many, partial(decide_many, self._queue, numbers, decision))
        )

    def rate(
        self, numbers: Sequence[int], stars: int | None = None, note: str | None = None
    ) -> None:
        """Rate the results of these jobs, or note something about them."""
        self._start(
            partial(self._change_many, partial(rate_many, self._queue, numbers, stars, note))
        )

    def draw_again(self, number: int, runner: QueueRunner, live: Live) -> None:
        """Queue the prompt of a job with the next seed."""
        self._start(partial(self._draw_again, number, runner, live))

    def _start(self, work: Work, group: str = "") -> None:
        start_work(self._page, work, group or CHANGES, exclusive=bool(group))

    def _change(self, change: Callable[[], str], job: int) -> None:
        async def work() -> None:
            async with self.in_order:
                try:
                    text = await asyncio.to_thread(change)
                except UpsampleError as error:
                    self._page.post_message(ReviewFailed(error, job))
                else:
                    self._page.post_message(ReviewTold(text, job))

        self._start(work)

    async def _read(self, known: Mapping[int, Candidate]) -> None:
        try:
            review = await asyncio.to_thread(read_review, self._queue, known)
        except UpsampleError as error:
            self._page.post_message(ReviewFailed(error, None))
        else:
            self._page.post_message(ReviewRead(review))

    async def _change_many(self, change: Callable[[], tuple[str, list[UpsampleError]]]) -> None:
        async with self.in_order:
            text, troubles = await asyncio.to_thread(change)
        for error in troubles[:1]:
            more = f"\n… and {len(troubles) - 1:,} more" if len(troubles) > 1 else ""
            self._page.post_message(ReviewFailed(UpsampleError(f"{error}{more}"), 0))
        self._page.post_message(ReviewTold(text))

    async def _draw_again(self, number: int, runner: QueueRunner, live: Live) -> None:
        try:
            order = await asyncio.to_thread(order_for, self._queue, number)
            live.take_up(await runner.queue([order]))
        except UpsampleError as error:
            self._page.post_message(ReviewFailed(error, 0))
        else:
            text = f"{one_line(order.name)} is drawn again, with seed {order.seed}."
            self._page.post_message(ReviewTold(text))
