"""The states of the queue's jobs as glyph, word and colour. The three always stand together."""

from __future__ import annotations

from dataclasses import dataclass

from backend.store import State


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

STATES = {
    State.QUEUED: StateSign("·", "waiting", "waiting"),
    State.PAUSED: StateSign("‖", "paused", "paused"),
    State.PREPARING: StateSign("◦", "drawing", "going"),
    State.SENT: StateSign("↑", "on the box", "going"),
    State.RUNNING: StateSign("▶", "reading", "running"),
    State.DONE: StateSign("✓", "done", "done"),
    State.FAILED: StateSign("✗", "failed", "failed"),
    State.CANCELLED: StateSign("–", "cancelled", "waiting"),
}


def shown_state(state: State) -> StateSign:
    """Return the sign for a state, when nothing more is known of the job."""
    return STATES[state]
