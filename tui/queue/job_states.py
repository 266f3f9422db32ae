"""How a job stands, as glyph + word + colour: the three always stand together."""

from __future__ import annotations

from dataclasses import dataclass

from backend.store import State
from tui.state.live import LiveJob


@dataclass(frozen=True, slots=True)
class StateSign:
    """How a state is shown."""

    glyph: str
    word: str
    part: str
    """The last part of its style's name."""

    @property
    def text(self) -> str:
        """Glyph and word."""
        return f"{self.glyph} {self.word}"

    @property
    def colour(self) -> str:
        """The theme's colour of it."""
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
    """How the job is shown: an engine first reads prompt and frames, and then writes."""
    if job.state is State.RUNNING and job.text:
        return _WRITING
    if job.state is State.PREPARING and job.is_prepared:
        return _READY
    return _STATES[job.state]


def shown_state(state: State) -> StateSign:
    """How the state is shown of a job that nothing more is known of."""
    return _STATES[state]
