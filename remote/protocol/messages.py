"""The messages. Those with a `seq` are durable: they come from the journal, in order, and are sent again
after a reconnect. The others tell of the moment and may be lost with the connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from remote.protocol.checks import Finding
from remote.protocol.jobs import Answer, Request
from remote.protocol.telemetry import EngineLoad, Gpu

OLDEST_PROTOCOL = 1
NEWEST_PROTOCOL = 4
"""2 has Status; an app of protocol 1 is told none. An app of protocol 3 is heard of (a Ping, if nothing
else) every few seconds; one that is silent for a minute is gone. Older ones may be silent for ever.
With 4, Submit need not bring a picture that the box has."""


# --- from the app to the box ---------------------------------------------------------------------


@dataclass(frozen=True)
class Hello:
    """The first message of an app."""

    type: ClassVar[str] = "hello"
    oldest: int
    newest: int
    """The range of protocol versions that the app speaks."""
    journal: str
    """The journal that `after` counts in; empty at the first visit."""
    after: int
    """The last seq that the app has; the box answers with everything after it. Where no journal is named, -1
    asks for everything, and 0 for what comes from now on; an older daemon answers both with everything."""
    runner: str
    setup: str
    """The runner and the setup's fingerprint that the app would start. A daemon that has others and
    nothing to do makes room (`Fatal` of kind "replaced"); a busy one goes on as it is. Both are empty
    for an app that only looks."""


@dataclass(frozen=True)
class Submit:
    """Please do this job. Sending one again is harmless: the job's id is its request's hash."""

    type: ClassVar[str] = "submit"
    job: str
    request: Request
    images: tuple[str, ...]
    """The PNG files in base64, in the order of `request.frames`. From protocol 4 on, one is empty where
    the box should have it for another job that has not ended; if it has not, the job is Refused."""


@dataclass(frozen=True)
class Cancel:
    """Stop this job, whether it waits or runs."""

    type: ClassVar[str] = "cancel"
    job: str


@dataclass(frozen=True)
class Ping:
    """Are you there? Answered by a Pong with the same number."""

    type: ClassVar[str] = "ping"
    number: int


@dataclass(frozen=True)
class Stop:
    """End the daemon. Accepted jobs stay in the journal and go on when it starts again."""

    type: ClassVar[str] = "stop"
    only_idle: bool
    """True: only when nothing waits or runs and no other app is attached."""


# --- from the box to the app ---------------------------------------------------------------------


@dataclass(frozen=True)
class Welcome:
    """The answer to Hello; the durable messages that the app has missed follow it."""

    type: ClassVar[str] = "welcome"
    protocol: int
    runner: str
    journal: str
    last: int
    """The journal's newest seq."""
    engine: str
    setup: str
    """The setup's fingerprint that the daemon was started with."""
    notice: str
    """What every result must say about how it was written; empty for a language model."""
    slots: int
    """Requests that the engine works on at once."""
    unfinished: int
    """Jobs that wait or run."""


@dataclass(frozen=True)
class Fatal:
    """The runner cannot work here; nothing follows."""

    type: ClassVar[str] = "fatal"
    kind: str
    """"disk", "protocol", "engine", "place", "internal", "hung" (a daemon that does not answer; later, it
    may), or "replaced" (come again: see Hello)."""
    message: str


@dataclass(frozen=True)
class Accepted:
    """The job is on the box's disk and will be done."""

    type: ClassVar[str] = "accepted"
    seq: int
    job: str


@dataclass(frozen=True)
class Refused:
    """The job was not accepted; the box keeps nothing of it."""

    type: ClassVar[str] = "refused"
    job: str
    kind: str
    """"request" (it will never be accepted), "disk" (later, it may), or "pictures" (one that was left out
    is not there: with all of them, it may)."""
    message: str


@dataclass(frozen=True)
class Started:
    """An attempt begins; text of an earlier attempt is void."""

    type: ClassVar[str] = "started"
    job: str
    attempt: int
    reason: str = ""
    """Why the engine failed at the attempt before; empty where it did not."""


@dataclass(frozen=True)
class Delta:
    """Text as it is written."""

    type: ClassVar[str] = "delta"
    job: str
    attempt: int
    offset: int
    """Characters of this attempt that came before."""
    text: str


@dataclass(frozen=True)
class Finished:
    """The job is done, and its answer is on the box's disk."""

    type: ClassVar[str] = "finished"
    seq: int
    job: str
    answer: Answer


@dataclass(frozen=True)
class Failed:
    """The job was tried and cannot be done."""

    type: ClassVar[str] = "failed"
    seq: int
    job: str
    kind: str
    """"request", "engine", "pictures" (the box has lost one: submit the request again) or "internal"."""
    message: str


@dataclass(frozen=True)
class Cancelled:
    """The job was cancelled before it was done."""

    type: ClassVar[str] = "cancelled"
    seq: int
    job: str


@dataclass(frozen=True)
class Log:
    """A line of the runner's or the engine's log."""

    type: ClassVar[str] = "log"
    time: float
    level: str
    """"info", "warning" or "error"."""
    source: str
    text: str


@dataclass(frozen=True)
class EngineStage:
    """How far an engine is that takes long to start."""

    type: ClassVar[str] = "stage"
    time: float
    stage: str
    """"starting", "loading weights", …, "ready"."""


@dataclass(frozen=True)
class Status:
    """How the box does now: soon after Welcome, and every few seconds while an app is attached."""

    type: ClassVar[str] = "status"
    time: float
    stage: str
    """As in EngineStage, and besides "not started", "idle" (the GPU was given back) and "failed" (it
    did not start, or ended by itself); empty when the engine does not know."""
    jobs_waiting: int
    jobs_running: int
    load: EngineLoad | None
    """None when the engine is not there, or does not count."""
    gpus: tuple[Gpu, ...]
    """Those that the engine may use; empty where there is no nvidia-smi, or it does not work."""


@dataclass(frozen=True)
class Pong:
    """The answer to Ping."""

    type: ClassVar[str] = "pong"
    number: int


FromApp = Hello | Submit | Cancel | Ping | Stop
FromBox = (
    Welcome
    | Fatal
    | Accepted
    | Refused
    | Started
    | Delta
    | Finished
    | Failed
    | Cancelled
    | Log
    | EngineStage
    | Status
    | Finding
    | Pong
)
Durable = Accepted | Finished | Failed | Cancelled
Message = FromApp | FromBox
