"""What a job is, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class State(StrEnum):
    """How a job stands. The names are pueue's where it has them."""

    QUEUED = "queued"
    PAUSED = "paused"
    """It waits until the user lets it go on; nothing of it was sent."""
    PREPARING = "preparing"
    """Its frames are being drawn, or it waits to be sent."""
    SENT = "sent"
    """On the box's disk; it will be done there even if this app never comes back."""
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Nothing more happens to it unless it is queued again."""
        return self in (State.DONE, State.FAILED, State.CANCELLED)

    @property
    def on_box(self) -> bool:
        """A box has the job, and works on it whether this program runs or not."""
        return self in (State.SENT, State.RUNNING)

    @property
    def unsent(self) -> bool:
        """No box knows of it yet, so it can be paused and moved."""
        return self in (State.QUEUED, State.PREPARING, State.PAUSED)


@dataclass(frozen=True, slots=True)
class Order:
    """What is known of a job when it is queued."""

    key: str
    """Equal for equal orders, so that queueing one again finds the job that is there."""
    box: str
    file: Path
    """The spec's file, absolute."""
    entry: int
    name: str
    prompt: str
    video: Path | None
    """Absolute; None for a prompt without one."""
    candidate: int
    seed: int
    settings: str
    """`Upsampling` as JSON."""
    destination: Path
    """The file that the result goes to, absolute."""
    control: Path | None = field(default=None, kw_only=True)
    """A second video, shown after the first one; absolute."""
    media: str = field(default="", kw_only=True)
    """What the videos are: "rgb", "edge", "rgb+edge"; empty for none, and in queues of earlier versions."""
    force: bool = field(default=False, kw_only=True)
    """Whether the result may replace a file that somebody else made."""
    held: bool = field(default=False, kw_only=True)
    """Whether its result waits for a review; else it is written as soon as it is there."""
    choice: Path | None = field(default=None, kw_only=True)
    """The file for the one that is chosen, where each candidate has a file of its own; absolute."""


@dataclass(frozen=True, slots=True)
class Job(Order):
    """A job of the queue."""

    number: int
    state: State
    identity: str | None
    """The request's hash; None until its frames are drawn."""
    estimate: int
    """Prompt tokens by our count; 0 until its request is made."""
    error: str
    """Why it failed; empty otherwise."""
    attempts: int
    """How often it was sent."""
    queued: float
    """Unix time."""
    changed: float
    """Unix time of the last change of state."""
    place: float = field(default=0.0, kw_only=True)
    """Where it stands among the jobs that wait: the one with the smallest is sent first."""
    asked: int = field(default=0, kw_only=True)
    """Counts up with every job that is asked for and every decision: of several, the last one counts."""
