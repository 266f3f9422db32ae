"""Records what happens: events become lines of the log, which are kept in memory and in a file."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from backend.box.status_text import answered_twice_words, link_words, work_text
from backend.events import (
    AnsweredTwice,
    BoxLog,
    DispatcherChanged,
    EngineStarting,
    EstimateCorrected,
    Event,
    HandedOver,
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
    ResultsWritten,
    WritingFailed,
)
from tui.log.book import JOB, LINK, LogBook, LogLine
from tui.log.file import LogFile

if TYPE_CHECKING:
    from tui.state.live import Live

_LINK_LEVELS = {
    LinkState.WAITING: "warning",
    LinkState.STALE: "warning",
    LinkState.RETRYING: "warning",
    LinkState.STOPPED: "error",
}

JobEvent = (
    JobPrepared
    | JobSent
    | JobStarted
    | JobDone
    | JobFailed
    | JobPostponed
    | JobDrawnAgain
    | JobPaused
    | JobCancelled
)


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


def line_of(event: Event, box: str, now: float) -> LogLine | None:
    """Return the line for `event`, which is about a job on `box`; None for events that the log leaves out."""
    match event:
        case LinkChanged():
            level = _LINK_LEVELS.get(event.state, "info")
            return LogLine(event.box, now, level, LINK, _link_text(event))
        case EngineStarting():
            return LogLine(event.box, event.time or now, "info", "engine", event.stage)
        case ResultsWritten():
            return LogLine("", now, "info", "results", f"written for {event.file}")
        case DispatcherChanged():
            text = f"{event.holder} works on the queue" if event.holder else "worked on from here"
            return LogLine("", now, "info", "queue", text)
        case EstimateCorrected():
            if not event.text:
                return None
            return LogLine(event.box, now, "warning", "estimate", event.text)
        case HandedOver() | AnsweredTwice():
            return _line_of_work(event, now)
        case WritingFailed():
            text = f"not written for {event.file}: {event.error}"
            return LogLine("", now, "error", "results", text)
        case (
            JobPrepared()
            | JobSent()
            | JobStarted()
            | JobDone()
            | JobFailed()
            | JobPostponed()
            | JobDrawnAgain()
            | JobPaused()
            | JobCancelled()
        ):
            level, text = _job_text(event)
            return LogLine(box, now, level, JOB, f"{event.name}: {text}", event.job)
        case _:
            return None


def _link_text(event: LinkChanged) -> str:
    words = link_words(event.state, event.seconds)
    return f"{words}: {event.detail}" if event.detail else words


def _job_text(event: JobEvent) -> tuple[str, str]:
    """Return the level of the event, and what happened to the job."""
    match event:
        case JobPrepared():
            frames = f"{event.frames} frames of {event.size}, " if event.size else ""
            text = f"prepared, {frames}{event.prompt_tokens:,} tokens"
            return ("warning", f"{text}; {event.warning}") if event.warning else ("info", text)
        case JobSent():
            return "info", "sent"
        case JobStarted():
            because = f", because the one before failed: {event.reason}" if event.reason else ""
            return "warning" if because else "info", f"started, attempt {event.attempt}{because}"
        case JobDone():
            tokens = event.completion_tokens
            told = "" if tokens is None else f", {tokens:,} tokens"
            return "info", f"done in {event.seconds:.1f} s{told}"
        case JobFailed():
            return "error", f"failed: {event.error}"
        case JobPostponed():
            return "warning", f"waits: {event.reason}"
        case JobDrawnAgain():
            return "warning", f"drawn again, {event.draw} of {event.most}: {event.reason}"
        case JobPaused():
            return "info", "paused"
        case JobCancelled():
            return "info", "cancelled"


def job_of(event: Event) -> int | None:
    """Return the number of the job that `event` is about; None when it is about none."""
    return event.job if isinstance(event, JobEvent) else None


def _line_of_work(event: HandedOver | AnsweredTwice, now: float) -> LogLine:
    if isinstance(event, AnsweredTwice):
        return LogLine(event.box, now, "warning", "queue", answered_twice_words(event))
    return LogLine(event.box, now, "info", "queue", work_text(event))
