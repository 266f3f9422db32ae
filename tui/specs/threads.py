"""The threads behind the list of specs: one reads and watches files, one plans, others read the history.

They post what they find to the page, and own nothing that is shown.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from textual.message import Message
from textual.screen import Screen
from textual.worker import get_current_worker

from backend.catalog.catalog import Changes
from backend.errors import QueueError, UpsampleError
from backend.planning.history import LatestJob, SpecKey, latest_jobs, own_results
from tui.host import host_of
from tui.specs.planning import MadePlan, PlanQueue, PromptPlanner, make_plans
from tui.specs.rows import Row
from tui.specs.scanning import SpecSource, read_files

if TYPE_CHECKING:
    from backend.config import Settings
    from backend.store import Store


@dataclass
class ScanEnded(Message):
    """All files are read."""


@dataclass
class FilesChanged(Message):
    """Files were made, changed or removed after they were read."""

    changes: Changes


@dataclass
class HistoryRead(Message):
    """The history was read: the jobs and results that earlier runs left, or those of new files."""

    jobs: dict[SpecKey, LatestJob]
    results: dict[Path, Path]
    """Files that are results of ours, each with the file of its specs; absolute."""
    among: frozenset[Path] | None = None
    """The files that were looked at for `results`; None for all."""


@dataclass
class PlansMade(Message):
    """Some more specs are planned."""

    plans: tuple[MadePlan, ...]


@dataclass
class PlanningStopped(Message):
    """No plan can be made at all, for instance because the tokenizer is missing."""

    error: UpsampleError


class SpecThreads:
    """The threads of one page. They end with it."""

    def __init__(self, screen: Screen[None], source: SpecSource) -> None:
        self._screen = screen
        self._source = source
        self._planner: PromptPlanner | None = None
        self._queue = PlanQueue()
        self._planning = False
        self._stop = Event()
        self._drawn = Event()

    def start_reading(self) -> None:
        """Read all files, and then watch them."""
        self._screen.run_worker(self._read, thread=True, group="scan", exit_on_error=False)

    def note_drawn(self) -> None:
        """Note that the first specs are drawn, so that the others may be read."""
        self._drawn.set()

    def start_planning(self, settings: Settings) -> None:
        """Plan the specs that wait, and those that are added later."""
        self._planning = True
        if self._planner is None:
            self._planner = self._make_planner(settings)
        plan = partial(self._plan, self._planner)
        self._screen.run_worker(plan, thread=True, group="plan", exit_on_error=False)

    def _make_planner(self, settings: Settings) -> PromptPlanner:
        return host_of(self._screen).desk.make_planner(settings)

    def read_history(self, store: Store, files: frozenset[Path] | None) -> None:
        """Read how earlier jobs ended, and which of these files are results of ours; None stands for all
        files.
        """

        def read() -> None:
            # The queue is closed when the app ends, and then nobody asks any more.
            with suppress(QueueError, sqlite3.ProgrammingError):
                jobs = latest_jobs(store) if files is None else {}
                self._screen.post_message(HistoryRead(jobs, own_results(store, files), files))

        self._screen.run_worker(read, thread=True, group="history", exit_on_error=False)

    def plan_anew(self, settings: Settings, rows: Iterable[Row], in_sight: Iterable[int]) -> None:
        """Plan all specs again under other settings. The old plans are shown until the new ones come."""
        self._queue.close()
        self._queue = PlanQueue()
        self.weigh(rows, in_sight)
        self._planner = self._make_planner(settings)
        if self._planning:
            self.start_planning(settings)

    def weigh(self, rows: Iterable[Row], in_sight: Iterable[int]) -> None:
        """Add these specs to those that are to be planned, and begin with those in sight."""
        self._queue.add({row.number: row.source for row in rows})
        self._queue.look_at(in_sight)

    def look_at(self, in_sight: Iterable[int]) -> None:
        """Plan the specs in sight first."""
        self._queue.look_at(in_sight)

    def forget(self, numbers: Iterable[int]) -> None:
        """Plan these specs no longer."""
        self._queue.forget(numbers)

    def stop(self) -> None:
        """End all threads; they post nothing any more."""
        self._stop.set()
        self._drawn.set()
        self._queue.close()

    def _read(self) -> None:
        worker = get_current_worker()
        post = self._screen.post_message
        read_files(self._source, post, lambda: worker.is_cancelled, self._drawn)
        post(ScanEnded())
        for changes in self._source.changes(self._stop):
            post(FilesChanged(changes))

    def _plan(self, planner: PromptPlanner) -> None:
        queue = self._queue

        def post(plans: tuple[MadePlan, ...]) -> None:
            if queue is self._queue:
                self._screen.post_message(PlansMade(plans))

        try:
            make_plans(queue, planner, post)
        except UpsampleError as error:
            if queue is self._queue:
                self._screen.post_message(PlanningStopped(error))
