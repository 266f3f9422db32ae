"""What happens at the moment: boxes, jobs, and the text that is being written. No widgets.

It takes in events and holds what is worth showing of them. The queue's file remains the truth, and this
ends with the app.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import takewhile

from backend.box.status_text import FIRST_STAGE, READY, away_words, is_ready
from backend.events import (
    BoxStatus,
    EngineStarting,
    Event,
    HandedOver,
    HandingOver,
    JobCancelled,
    JobDone,
    JobDrawnAgain,
    JobFailed,
    JobPaused,
    JobPostponed,
    JobPrepared,
    JobSent,
    JobStarted,
    JobTaken,
    LinkChanged,
    LinkState,
    TextWritten,
)
from backend.planning.pace import Pace
from backend.store import Job, State

START_STAGES = (
    FIRST_STAGE, "loading weights", "compiling", "capturing graphs", "answering a first request", READY,
)  # fmt: skip
"""The stages of an engine's start in their order. Some starts skip some of them."""
LONGEST_TEXT = 200_000
"""How many characters of an answer are kept for the screen."""
_MOST_STAGES = 32
"""How many stages of a start are kept; an engine has seven."""
_RECENT = 32
"""How many of the last jobs are used to estimate the time for the rest."""

_STOPPED = (State.PAUSED, State.FAILED, State.CANCELLED)

_BYTES_A_TOKEN = 4
"""Bytes of UTF-8 for each token of English prose. Pieces of text are joined on their way, so they cannot be
counted instead."""


@dataclass(slots=True)
class LiveJob:
    """A job of this session, and what was heard of it so far."""

    job: Job
    """The job as it was when it was added. `state` and `error` here are newer."""
    state: State
    error: str = ""
    note: str = ""
    """Why it waits, if it was put back into the queue."""
    attempt: int = 0
    reason: str = ""
    """Why the attempt before failed, if it did."""
    text: str = ""
    began: float | None = None
    """When the engine began with it, by the clock of `Live`."""
    first_text: float | None = None
    first_tokens: int = 0
    """Tokens of the answer when its first text came."""
    ended: float | None = None
    prompt_tokens: int | None = None
    """Tokens of the prompt by our count."""
    reported_tokens: int | None = None
    """Tokens of the prompt by the engine's count."""
    completion_tokens: int | None = None
    size_sent: str = ""
    frames: int = 0
    image_bytes: int = 0
    is_prepared: bool = False
    """Whether its frames are drawn, so that it can be sent."""
    finish_reason: str = ""
    is_cut_off: bool = False
    """Whether the box's model server went away or started anew during this attempt, and nothing was written
    since. The box then begins another attempt, and says so when it does."""

    @property
    def tokens(self) -> int:
        """Tokens of the answer so far. While it is written, they are estimated from its length."""
        if self.completion_tokens is not None:
            return self.completion_tokens
        return -(-len(self.text.encode(errors="replace")) // _BYTES_A_TOKEN)

    def rate(self, now: float) -> float | None:
        """Return the tokens a second since the first ones; None before there are more."""
        more = self.tokens - self.first_tokens
        if self.first_text is None or more <= 0:
            return None
        seconds = (self.ended or now) - self.first_text
        return more / seconds if seconds > 0 else None

    def elapsed(self, now: float) -> float | None:
        """Return the seconds since the engine began with the job; None before that."""
        return None if self.began is None else (self.ended or now) - self.began


@dataclass(slots=True)
class LiveBox:
    """A box, and what was heard of it."""

    name: str
    link: LinkState | None = None
    detail: str = ""
    """The engine if the link is live, otherwise what went wrong."""
    retry_at: float | None = None
    """When the next try is, by the clock of `Live`."""
    silent_since: float | None = None
    """When the box gave its last sign, by that clock; None while the link is live."""
    stage: str = ""
    """The stage of the engine's start; empty when it is unknown."""
    status: BoxStatus | None = None
    """The last status that it reported; None when that is unknown."""
    hand_over: HandingOver | HandedOver | None = None
    """How far its jobs are handed over to it; None while that is not done, and when new jobs wait here."""
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    """How many seconds its engine took for each of the last jobs."""
    engine: str = ""
    """The engine of these jobs."""
    idle_since: float | None = None
    """Since when its engine is ready and has no job, by the clock of `Live`; it may stay so after the link is
    closed. None while it works, and when that is unknown."""
    stages: dict[str, float] = field(default_factory=dict)
    """When each stage of this start was first heard of, by the clock of `Live`."""

    def note_answer(self, engine: str, seconds: float) -> None:
        """Note how long an answer took. What another engine took before says nothing of this one."""
        if engine != self.engine:
            self.engine = engine
            self.recent.clear()
        self.recent.append(seconds)

    def pace(self, slots: int) -> Pace:
        """Return how fast its engine has answered in this session, with so many answers at the same time."""
        took = sum(self.recent) / len(self.recent) if self.recent else None
        return Pace(took, slots)

    def seconds(self, now: float) -> float | None:
        """Return the seconds until the next try, or since the last sign, whichever the state of the link
        calls for.
        """
        if self.retry_at is not None:
            return self.retry_at - now
        return None if self.silent_since is None else now - self.silent_since


@dataclass(slots=True)
class Live:
    """The boxes and jobs of the session. Only the app's thread touches it."""

    clock: Callable[[], float] = time.monotonic
    jobs: dict[int, LiveJob] = field(default_factory=dict)
    """The jobs by number, in the order in which they were added."""
    boxes: dict[str, LiveBox] = field(default_factory=dict)
    version: int = 0
    """A counter that grows with every change, by which widgets see whether there is anything new."""
    changed: dict[int, int] = field(default_factory=dict)
    """The version of the last news of each job, by its number; the newest come last."""
    order_version: int = 0
    """A counter that grows when jobs come, go, or change their state."""

    def take_up(self, jobs: Iterable[Job]) -> None:
        """Add jobs that are in the queue already, or were put into it."""
        self._change_order()
        for job in jobs:
            self.jobs[job.number] = taken = LiveJob(job, job.state, job.error)
            taken.prompt_tokens = job.estimate or None
            self._forget_hand_over(job.box)
            self._note_change(job.number)

    def changed_since(self, version: int) -> list[LiveJob]:
        """Return the jobs with news after this version, the newest first."""
        newest = takewhile(lambda item: item[1] > version, reversed(self.changed.items()))
        return [self.jobs[number] for number, _ in newest if number in self.jobs]

    def note_changed(self, jobs: Iterable[Job]) -> None:
        """Take over the place and state of jobs from the queue's file, and keep what was heard of them."""
        for job in jobs:
            if (known := self.jobs.get(job.number)) is not None:
                known.job, known.state, known.error = job, job.state, job.error
                self._note_change(job.number)
        self._change_order()

    def learn(self, jobs: Iterable[Job], *, are_told: bool) -> None:
        """Take over jobs from the queue's file, after any process may have changed them.

        `are_told` says that events tell of the jobs that this process works on, and these are newer than
        the file. Then only news without an event counts: jobs that are new, go on again, or wait in another
        place.
        """
        new, changed = [], []
        for job in jobs:
            known = self.jobs.get(job.number)
            again = known is not None and job.state is State.QUEUED and known.state in _STOPPED
            if known is None or (again and known.state is not State.PAUSED):
                new += [] if job.state.ended else [job]
            elif again or not are_told or (known.state is job.state and job.state.unsent):
                changed.append(job)
        if new:
            self.take_up(new)
        if changed:
            self.note_changed(changed)

    def forget(self, numbers: Iterable[int]) -> None:
        """Remove these jobs from the session. The queue's file keeps them."""
        for number in numbers:
            self.jobs.pop(number, None)
        self._change_order()

    def _change_order(self) -> None:
        self.version += 1
        self.order_version += 1

    def box(self, name: str) -> LiveBox:
        """Return the box of that name, and add it if it is new."""
        return self.boxes.setdefault(name, LiveBox(name))

    def hear(self, event: Event) -> None:
        """Take over the news of an event."""
        self.version += 1
        match event:
            case LinkChanged():
                self._note_link(event)
            case EngineStarting():
                self._note_stage(event.box, event.stage)
            case BoxStatus():
                self._note_status(event)
            case HandingOver() | HandedOver():
                self.box(event.box).hand_over = event
            case JobTaken():
                self._note_taken(event)
            case (
                JobPrepared()
                | JobSent()
                | JobStarted()
                | TextWritten()
                | JobDone()
                | JobFailed()
                | JobPostponed()
                | JobDrawnAgain()
                | JobPaused()
                | JobCancelled()
            ):
                job = self.jobs.get(event.job)
                if job is not None:
                    before = job.state
                    self._note_job(job, event)
                    self._note_change(event.job)
                    self.order_version += job.state is not before

    def _note_taken(self, event: JobTaken) -> None:
        job = self.jobs.get(event.job)
        if job is not None:
            job.state = State.PREPARING if event.box else State.QUEUED
            job.job = replace(job.job, box=event.box or job.job.box, state=job.state)
            self._note_change(event.job)
            self.order_version += 1

    def _forget_hand_over(self, box: str) -> None:
        """Forget how far the jobs of this box are handed over, until that is told anew."""
        if box in self.boxes:
            self.boxes[box].hand_over = None

    def _note_change(self, number: int) -> None:
        self.changed.pop(number, None)
        self.changed[number] = self.version

    def _note_link(self, event: LinkChanged) -> None:
        box = self.box(event.box)
        box.link, box.detail = event.state, event.detail
        # A link is closed when nothing is left to do: a model that was ready is idle from then on.
        if event.state is not LinkState.CLOSED:
            box.idle_since = None
        elif box.idle_since is None and is_ready(box.stage):
            box.idle_since = self.clock()
        if event.state not in (LinkState.LIVE, LinkState.STALE):
            # Whatever the engine is doing, it is not known any more.
            box.stage, box.stages, box.status = "", {}, None
        if event.state is LinkState.CLOSED:
            box.hand_over = None
        now = self.clock()
        box.retry_at = now + event.retry_in if event.state is LinkState.RETRYING else None
        box.silent_since = now - event.silent_for if event.state is LinkState.STALE else None

    def _note_stage(self, name: str, stage: str) -> None:
        box = self.box(name)
        if box.stages.keys() - {stage} and stage == FIRST_STAGE:
            box.stages = {}
        box.stage = stage
        if len(box.stages) < _MOST_STAGES:
            box.stages.setdefault(READY if is_ready(stage) else stage, self.clock())
        is_away = bool(away_words(stage))
        if is_away or stage == FIRST_STAGE:
            for job in self.jobs.values():
                # A job that waits for the server's first start has written nothing, and is not cut off.
                if job.state is State.RUNNING and job.job.box == name and (is_away or job.text):
                    job.is_cut_off = True

    def _note_status(self, status: BoxStatus) -> None:
        """Take over a status, and its stage where that is news: the app may have come later."""
        box = self.box(status.box)
        box.status = status
        if not is_ready(status.stage) or status.jobs_running or status.jobs_waiting:
            box.idle_since = None
        elif box.idle_since is None:
            box.idle_since = self.clock()
        is_away, was_away = bool(away_words(status.stage)), bool(away_words(box.stage))
        if is_away:
            # A start that was heard of goes on although the outage lasts until it has succeeded.
            if was_away or not box.stage or is_ready(box.stage):
                self._note_stage(status.box, status.stage)
        elif status.stage in START_STAGES or is_ready(status.stage):
            if status.stage != box.stage:
                self._note_stage(status.box, status.stage)
        elif was_away:
            box.stage = ""

    def _note_job(self, job: LiveJob, event: Event) -> None:
        match event:
            case JobPrepared():
                job.state, job.size_sent, job.frames = State.PREPARING, event.size, event.frames
                job.prompt_tokens, job.image_bytes = event.prompt_tokens, event.image_bytes
                job.is_prepared = True
            case JobSent():
                job.state = State.SENT
            case JobStarted():
                job.state, job.attempt, job.reason = State.RUNNING, event.attempt, event.reason
                job.text, job.completion_tokens, job.is_cut_off = "", None, False
                job.began, job.first_text, job.ended = self.clock(), None, None
            case TextWritten():
                self._note_text(job, event)
            case JobDone():
                self._end(job, State.DONE)
                job.completion_tokens = event.completion_tokens
                job.reported_tokens = event.prompt_tokens
                job.finish_reason = event.finish_reason
                self.box(job.job.box).note_answer(event.engine, event.seconds)
            case JobFailed():
                self._end(job, State.FAILED)
                job.error = event.error
            case JobCancelled():
                self._end(job, State.CANCELLED)
            case JobPostponed() | JobDrawnAgain():
                job.state, job.note = State.QUEUED, event.reason
            case JobPaused():
                job.state = State.PAUSED

    def _note_text(self, job: LiveJob, event: TextWritten) -> None:
        # After a reconnect it may begin within what is there, or behind a gap; what was heard last counts.
        job.text = (job.text[: event.offset] + event.text)[:LONGEST_TEXT]
        job.is_cut_off = False
        if job.first_text is None:
            job.first_text, job.first_tokens = self.clock(), job.tokens

    def _end(self, job: LiveJob, state: State) -> None:
        job.state, job.ended, job.note = state, self.clock(), ""
