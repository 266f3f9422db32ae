"""Finds the videos of results in threads, once the cursor rests on one, and keeps what it found."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from textual.timer import Timer
from textual.widget import Widget
from textual.worker import Worker

from backend.errors import UpsampleError
from backend.results.seen_media import seen_media
from backend.store import Job
from tui.frames.frames_view import REST
from tui.frames.pictures import Look
from tui.shell.work import start_work

_KEPT = 512
"""How many results' videos are remembered."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of the videos of a result."""

    look: Look | None
    """The frames that the model saw; None for a text alone, and where a video cannot be read."""
    trouble: str
    """Why a video cannot be read; empty where all can."""


class MediaFinder:
    """Finds videos for one pane."""

    def __init__(self, pane: Widget, found: Callable[[], None]) -> None:
        """`found` is called when the videos of the job that was asked for last are found."""
        self._pane = pane
        self._tell = found
        self._kept: OrderedDict[int, Found] = OrderedDict()
        self._wanted: Job | None = None
        self._resting: Timer | None = None
        self._looking: Worker[None] | None = None

    def find(self, job: Job) -> Found | None:
        """Return what is known of a job's videos; None when that is not known yet, and will be told."""
        if job.number in self._kept:
            return self._kept[job.number]
        if self._wanted is None or self._wanted.number != job.number:
            self._wanted = job
            if self._resting is not None:
                self._resting.stop()
            self._resting = self._pane.set_timer(REST, self._begin)
        return None

    def _begin(self) -> None:
        self._resting = None
        if self._wanted is not None:
            look = partial(self._look, self._wanted)
            self._looking = start_work(self._pane, look, "media", exclusive=True)

    async def _look(self, job: Job) -> None:
        found = await asyncio.to_thread(_find, job)
        self._kept[job.number] = found
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        if self._wanted is job:
            self._wanted = None
            self._tell()


def _find(job: Job) -> Found:
    try:
        media = seen_media(job)
    except UpsampleError as error:
        return Found(None, str(error))
    return Found(Look(media.shown, media.sampling) if media.shown else None, "")
