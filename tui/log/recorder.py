"""Records what happens: events become lines of the log, which are kept in memory and in a file."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from time import time

from backend.events import BoxLog, Event, JobSent
from tui.log.book import LogBook, LogLine
from tui.log.events import job_of, line_of
from tui.log.file import LogFile
from tui.state.live import Live


class LogRecorder:
    """The log of the session. Only the app's thread touches it."""

    def __init__(self, live: Live) -> None:
        self.book = LogBook()
        self._live = live
        self._file: LogFile | None = None
        self._identities: dict[int, str] = {}
        """The identities of jobs, by which the logs of their boxes name them."""

    def open_file(self, path: Path, tell: Callable[[str], None]) -> None:
        """Write lines to this file too; `tell` is called in another thread when it cannot be written."""
        self._file = LogFile(path, tell)

    def close(self) -> None:
        """Let the waiting lines reach the file."""
        if self._file is not None:
            self._file.close()

    def hear(self, event: Event) -> None:
        """Record an event, if it has a place in the log."""
        if isinstance(event, BoxLog):
            self._write(self.book.hear(event))
            return
        if isinstance(event, JobSent):
            self._identities[event.job] = event.identity
        number = job_of(event)
        job = None if number is None else self._live.jobs.get(number)
        if (line := line_of(event, job.job.box if job else "", time())) is not None:
            self._write(self.book.add(line))

    def record_defect(self, error: BaseException) -> None:
        """Record where work behind a page broke, as Python tells it."""
        trace = "".join(traceback.format_exception(error)).rstrip()
        line = LogLine("", time(), "error", "upsample", trace)
        self._write(self.book.add(line))

    def identity_of(self, job: int) -> str:
        """Return the name that the log of its box gives the job; empty while it is unknown."""
        known = self._live.jobs.get(job)
        return self._identities.get(job) or (known.job.identity if known else None) or ""

    def _write(self, lines: list[LogLine]) -> None:
        if self._file is not None:
            self._file.write(lines)
