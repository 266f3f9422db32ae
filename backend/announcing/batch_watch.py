"""Watches the events of a batch, and says in a sentence when it is over or needs the user."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from backend.events import (
    Event,
    JobCancelled,
    JobDone,
    JobDrawnAgain,
    JobFailed,
    JobPaused,
    JobPostponed,
    JobPrepared,
    JobSent,
    JobStarted,
    LinkChanged,
    LinkState,
)

_LONGEST_REASON = 200
"""Characters of a reason that a sentence holds; a notification shows no more."""


class BatchWatch:
    """Counts what ends until nothing is under way any more. One that was short is not worth a sentence."""

    def __init__(self, least_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """A batch that took fewer than `least_seconds` is over without a word."""
        self._least_seconds = least_seconds
        self._clock = clock
        self._began: float | None = None
        """When the first job of the batch went on its way; None before it."""
        self._under_way: set[int] = set()
        self._ended: Counter[str] = Counter()

    def hear(self, event: Event) -> str:
        """Take note of an event; return the sentence that it is worth, or nothing."""
        match event:
            case JobPrepared() | JobSent() | JobStarted() | JobDrawnAgain():
                self._note_begun(event.job)
            case JobPaused() | JobPostponed():
                self._under_way.discard(event.job)
            case JobDone() | JobFailed() | JobCancelled():
                self._under_way.discard(event.job)
                self._ended[event.type] += 1
            case LinkChanged(state=LinkState.CLOSED) if not self._under_way:
                return self.end()
            case LinkChanged(state=LinkState.STOPPED):
                return f"{event.box} has stopped: {_short(event.detail)}"
            case LinkChanged(state=LinkState.WAITING):
                return f"{event.box} waits for your answer: {_short(event.detail)}"
        return ""

    def end(self, stopped: str = "") -> str:
        """The batch is over: return how it ended, or nothing if it was short. The next one begins anew.

        `stopped` is what stopped it before its end.
        """
        began, ended = self._began, self._ended
        self._began, self._ended = None, Counter()
        self._under_way.clear()
        if began is None or self._clock() - began < self._least_seconds:
            return ""
        if stopped:
            return f"Stopped: {_short(stopped)}"
        counts = (f"{count:,} {kind}" for kind, count in ended.most_common())
        return f"Over: {', '.join(counts)}" if ended else ""

    def _note_begun(self, job: int) -> None:
        self._under_way.add(job)
        if self._began is None:
            self._began = self._clock()


def _short(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= _LONGEST_REASON else line[: _LONGEST_REASON - 1] + "…"
