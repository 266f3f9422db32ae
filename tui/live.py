"""What goes on right now: boxes, jobs, and the text that is being written. Events go in, facts come out.

The queue's file stays the truth; this is what is worth showing of it, and is gone with the app. No widgets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import takewhile

from backend.events import (
    EngineStarting,
    Event,
    JobCancelled,
    JobDone,
    JobFailed,
    JobPostponed,
    JobPrepared,
    JobSent,
    JobStarted,
    LinkChanged,
    LinkState,
    TextWritten,
)
from backend.store import Job, State

LONGEST_TEXT = 200_000
"""Characters of an answer that are kept for the screen."""


@dataclass(slots=True)
class LiveJob:
    """A job of this session, and what was heard of it."""

    job: Job
    """As it was when it was taken up; `state` and `error` here are newer."""
    state: State
    error: str = ""
    note: str = ""
    """Why it waits, when it was put back."""
    attempt: int = 0
    text: str = ""
    pieces: int = 0
    """Of text; as good as tokens, for a rate."""
    began: float | None = None
    """When the engine took it up, by the clock of `Live`."""
    first_text: float | None = None
    ended: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    size_sent: str = ""
    frames: int = 0

    def rate(self, now: float) -> float | None:
        """Tokens a second since the first one; None before there are two."""
        if self.first_text is None or self.pieces < 2:
            return None
        seconds = (self.ended or now) - self.first_text
        return (self.pieces - 1) / seconds if seconds > 0 else None

    def elapsed(self, now: float) -> float | None:
        """Seconds since the engine took it up; None before that."""
        return None if self.began is None else (self.ended or now) - self.began


@dataclass(slots=True)
class LiveBox:
    """A box that was heard of."""

    name: str
    link: LinkState | None = None
    detail: str = ""
    """The engine when live, what went wrong otherwise."""
    retry_at: float | None = None
    """When the next try is, by the clock of `Live`."""
    stage: str = ""
    """How far the engine's start is; empty when that is unknown."""


@dataclass(slots=True)
class Live:
    """Hears of everything. Only the app's thread touches it."""

    clock: Callable[[], float] = time.monotonic
    jobs: dict[int, LiveJob] = field(default_factory=dict)
    """By number, in the order in which they were taken up."""
    boxes: dict[str, LiveBox] = field(default_factory=dict)
    version: int = 0
    """Grows with every change, so that who draws knows whether there is anything new."""
    changed: dict[int, int] = field(default_factory=dict)
    """The version at which something was last heard of a job, by its number; the newest come last."""

    def take_up(self, jobs: Iterable[Job]) -> None:
        """Jobs that are in the queue already, or were put into it."""
        self.version += 1
        for job in jobs:
            self.jobs[job.number] = LiveJob(job, job.state, job.error)
            self._note_change(job.number)

    def changed_since(self, version: int) -> list[LiveJob]:
        """The jobs of which something was heard after this version, the newest first."""
        newest = takewhile(lambda item: item[1] > version, reversed(self.changed.items()))
        return [self.jobs[number] for number, _ in newest if number in self.jobs]

    def box(self, name: str) -> LiveBox:
        """The box of that name, heard of or not."""
        return self.boxes.setdefault(name, LiveBox(name))

    def hear(self, event: Event) -> None:
        """Take note of an event."""
        self.version += 1
        match event:
            case LinkChanged():
                self._note_link(event)
            case EngineStarting():
                self.box(event.box).stage = event.stage
            case (
                JobPrepared()
                | JobSent()
                | JobStarted()
                | TextWritten()
                | JobDone()
                | JobFailed()
                | JobPostponed()
                | JobCancelled()
            ):
                job = self.jobs.get(event.job)
                if job is not None:
                    self._note_job(job, event)
                    self._note_change(event.job)

    def _note_change(self, number: int) -> None:
        self.changed.pop(number, None)
        self.changed[number] = self.version

    def _note_link(self, event: LinkChanged) -> None:
        box = self.box(event.box)
        box.link, box.detail = event.state, event.detail
        retrying = event.state is LinkState.RETRYING
        box.retry_at = self.clock() + event.retry_in if retrying else None

    def _note_job(self, job: LiveJob, event: Event) -> None:
        match event:
            case JobPrepared():
                job.state, job.size_sent, job.frames = State.PREPARING, event.size, event.frames
                job.prompt_tokens = event.prompt_tokens
            case JobSent():
                job.state = State.SENT
            case JobStarted():
                job.state, job.attempt = State.RUNNING, event.attempt
                job.text, job.pieces = "", 0
                job.began, job.first_text, job.ended = self.clock(), None, None
            case TextWritten():
                self._note_text(job, event)
            case JobDone():
                self._end(job, State.DONE)
                job.completion_tokens = event.completion_tokens
                job.prompt_tokens = event.prompt_tokens or job.prompt_tokens
            case JobFailed():
                self._end(job, State.FAILED)
                job.error = event.error
            case JobCancelled():
                self._end(job, State.CANCELLED)
            case JobPostponed():
                job.state, job.note = State.QUEUED, event.reason

    def _note_text(self, job: LiveJob, event: TextWritten) -> None:
        # After a reconnect it may begin within what is there, or behind a gap; what was heard last counts.
        job.text = (job.text[: event.offset] + event.text)[:LONGEST_TEXT]
        job.pieces += 1
        if job.first_text is None:
            job.first_text = self.clock()

    def _end(self, job: LiveJob, state: State) -> None:
        job.state, job.ended, job.note = state, self.clock(), ""
