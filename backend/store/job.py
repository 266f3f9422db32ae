"""Defines a job of the queue and its states."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from backend.generation import Generation
from backend.specs.model import UNSAID, Target


class State(StrEnum):
    """The state of a job. The names are those of pueue where it has the state."""

    QUEUED = "queued"
    """It waits for its frames to be drawn."""
    PAUSED = "paused"
    """It waits until the user resumes it; it was not sent."""
    PREPARING = "preparing"
    """Its frames are being drawn, or it waits to be sent."""
    SENT = "sent"
    """It is on the box's disk, and the box does it even if this app never comes back."""
    RUNNING = "running"
    """The engine works on it."""
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to the job unless it is queued again."""
        return self in (State.DONE, State.FAILED, State.CANCELLED)

    @property
    def on_box(self) -> bool:
        """Whether a box has the job; the box works on it whether this program runs or not."""
        return self in (State.SENT, State.RUNNING)

    @property
    def waits(self) -> bool:
        """Whether the job waits, here or on its box, so that it can be paused and moved."""
        return self.unsent or self is State.SENT

    @property
    def unsent(self) -> bool:
        """Whether no box has the job yet."""
        return self in (State.QUEUED, State.PREPARING, State.PAUSED)


@dataclass(frozen=True, slots=True)
class Draw:
    """An answer that was not as the profile wants it, so that another one was asked for."""

    seed: int
    identity: str
    """The hash of the request."""
    problem: str
    """What was wrong with the answer."""
    prompt_tokens: int | None
    """Tokens as the engine counted them; None when it does not count. So are the answer's."""
    completion_tokens: int | None
    cost: float | None = None
    """What the server bills for it; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order to upsample one prompt: the part of a job that is known when it is queued."""

    key: str
    """A hash that is equal for equal orders, so that an order that is queued twice finds its job."""
    box: str
    """The box's name in the config."""
    file: Path
    """The spec's file, absolute."""
    entry: int
    """The spec's position in its file, from 0."""
    name: str
    prompt: str
    video: Path | None
    """The video, absolute, or its address; None for a prompt without a video."""
    candidate: int
    """The index of the candidate among those that were ordered together, from 0."""
    seed: int
    settings: str
    """`Upsampling` as JSON."""
    destination: Path
    """The file that the result goes to, absolute."""
    controls: tuple[Path, ...] = field(default=(), kw_only=True)
    """Further videos, which the model sees after the first one; absolute."""
    media: str = field(default="", kw_only=True)
    """What the videos are: "rgb", "edge", "rgb+edge"; empty without a video, and in queues of earlier
    versions."""
    force: bool = field(default=False, kw_only=True)
    """Whether the result may replace a file that somebody else made."""
    held: bool = field(default=False, kw_only=True)
    """Whether the result waits for a review; otherwise it is written as soon as it arrives."""
    choice: Path | None = field(default=None, kw_only=True)
    """The file for the chosen candidate, when each candidate also has a file of its own; absolute."""
    target: Target = field(default=UNSAID, kw_only=True)
    """What the spec says of the video that is to be made."""
    fleet: str = field(default="", kw_only=True)
    """The boxes that share the batch, with commas between their names; empty for one box. Any of them may
    take the job while it is queued. `box` is the one that has taken it last."""


@dataclass(frozen=True, slots=True)
class Job(Order):
    """A job of the queue: an order with a number and a state."""

    number: int
    """The number by which the user names the job."""
    state: State
    identity: str | None
    """The hash of the job's request; None until its frames are drawn."""
    estimate: int
    """Prompt tokens by our own count; 0 until the request is made."""
    error: str
    """Why the job failed; empty when it did not."""
    attempts: int
    """How often the job was sent."""
    queued: float
    """Unix time at which the job was queued."""
    changed: float
    """Unix time of the last change of state."""
    place: float = field(default=0.0, kw_only=True)
    """The job's position in the queue: the waiting job with the smallest place is sent first."""
    asked: int = field(default=0, kw_only=True)
    """A counter that grows with each order and each decision: of several results for one entry of a file, the
    one with the highest number is written."""
    generation: Generation | None = field(default=None, kw_only=True)
    """What is to be made; None until the request is made, and in queues of earlier versions."""
    draws: tuple[Draw, ...] = field(default=(), kw_only=True)
    """The answers that were not taken, oldest first."""

    @property
    def is_untaken(self) -> bool:
        """Whether any box of the job's fleet may take it."""
        return bool(self.fleet) and self.state is State.QUEUED

    @property
    def boxes(self) -> tuple[str, ...]:
        """The boxes that may do the job as it stands: its fleet while it is untaken, and else its box."""
        return tuple(self.fleet.split(",")) if self.is_untaken else (self.box,)
