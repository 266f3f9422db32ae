"""The state of a job as glyph, word and colour. The three always stand together."""

from __future__ import annotations

from dataclasses import dataclass

from backend.store import State
from tui.state.live import LiveJob


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


def shown(job: LiveJob) -> StateSign:
    """Return the sign for a job. An engine first reads the prompt and the frames, and then writes."""
    if job.state is State.RUNNING and job.text:
        return _WRITING
    if job.state is State.PREPARING and job.is_prepared:
        return _READY
    return _STATES[job.state]


def shown_state(state: State) -> StateSign:
    """Return the sign for a state, when nothing more is known of the job."""
    return _STATES[state]
