"""The state of a job as glyph, word and colour. The three always stand together."""

from __future__ import annotations

from dataclasses import dataclass

from backend.box.status_text import away_words, is_ready
from backend.events import LinkState
from backend.store import State
from tui.state.live import LiveBox, LiveJob


@dataclass(frozen=True, slots=True)
class StateSign:
    """The glyph, word and colour of a state."""

    glyph: str
    word: str
    part: str
    """The last part of the name of its style."""

    @property
    def text(self) -> str:
        return f"{self.glyph} {self.word}"

    @property
    def colour(self) -> str:
        """The theme's colour for it."""
        return COLOURS[self.part]


COLOURS = {
    "waiting": "$foreground-muted",
    "paused": "$text-warning",
    "going": "$text-primary",
    "running": "$text-accent",
    "done": "$text-success",
    "failed": "$text-error",
}

_STATES = {
    State.QUEUED: StateSign("·", "waiting", "waiting"),
    State.PAUSED: StateSign("‖", "paused", "paused"),
    State.PREPARING: StateSign("◦", "drawing", "going"),
    State.SENT: StateSign("↑", "on the box", "going"),
    State.RUNNING: StateSign("▶", "reading", "running"),
    State.DONE: StateSign("✓", "done", "done"),
    State.FAILED: StateSign("✗", "failed", "failed"),
    State.CANCELLED: StateSign("–", "cancelled", "waiting"),
}
_WRITING = StateSign("▶", "writing", "running")
_READY = StateSign("◦", "ready", "going")
_AWAY = StateSign("◌", "model away", "paused")
_STARTING = StateSign("◐", "starting", "going")


def is_starting(box: LiveBox | None) -> bool:
    """Return whether the engine on the box is starting, or its server is away."""
    if box is None or box.link is not LinkState.LIVE:
        return False
    return bool(box.stage) and not is_ready(box.stage)


def waits_for_model(job: LiveJob, box: LiveBox | None) -> bool:
    """Return whether the box has begun with a job whose model is not there."""
    is_written = bool(job.text) and not job.is_cut_off
    return job.state is State.RUNNING and not is_written and is_starting(box)


def shown(job: LiveJob, box: LiveBox | None = None) -> StateSign:
    """Return the sign for a job, from what is known of its box. An engine first reads the prompt and the
    frames, and then writes.
    """
    if box is not None and waits_for_model(job, box):
        return _AWAY if away_words(box.stage) else _STARTING
    if job.state is State.RUNNING and job.is_cut_off:
        return _STATES[State.SENT]
    if job.state is State.RUNNING and job.text:
        return _WRITING
    if job.state is State.PREPARING and job.is_prepared:
        return _READY
    return _STATES[job.state]


def shown_state(state: State) -> StateSign:
    """Return the sign for a state, when nothing more is known of the job."""
    return _STATES[state]
