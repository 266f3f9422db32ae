"""How a job stands, as glyph + word + colour: the three always stand together."""

from __future__ import annotations

from dataclasses import dataclass

from backend.store import State


@dataclass(frozen=True, slots=True)
class Shown:
    """How a state is shown."""

    glyph: str
    word: str
    part: str
    """The last part of its style's name."""

    @property
    def text(self) -> str:
        """Glyph and word."""
        return f"{self.glyph} {self.word}"


_STATES = {
    State.QUEUED: Shown("·", "waiting", "waiting"),
    State.PREPARING: Shown("◦", "frames", "going"),
    State.SENT: Shown("↑", "on the box", "going"),
    State.RUNNING: Shown("▶", "reading", "running"),
    State.DONE: Shown("✓", "done", "done"),
    State.FAILED: Shown("✗", "failed", "failed"),
    State.CANCELLED: Shown("–", "cancelled", "waiting"),
}


def shown_state(state: State) -> Shown:
    """How the state is shown of a job that nothing more is known of."""
    return _STATES[state]
