"""What happens to a batch while it is worked on, as every front end hears it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from remote.protocol import EngineLoad, Gpu, Json, Status


class LinkState(StrEnum):
    """How the link to the box stands."""

    CONNECTING = "connecting"
    WAITING = "waiting"
    """For a person: whose host key it is, a password, a passphrase."""
    LIVE = "live"
    STALE = "stale"
    """Nothing comes any more. It is live again with the next sign, or given up."""
    RETRYING = "retrying"
    STOPPED = "stopped"
    """Not tried again until the user changes something; the detail says what."""
    CLOSED = "closed"
    """All is done there; it is reached again when there is something to do."""


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The link to the box is in another state."""

    type: ClassVar[str] = "link"
    box: str
    state: LinkState
    detail: str
    """The engine when live, what is asked when waiting, what went wrong when retrying or stopped."""
    retry_in: float = 0.0
    """Seconds until the next try, when retrying."""
    silent_for: float = 0.0
    """Seconds since the last sign, when stale."""

    @property
    def seconds(self) -> float | None:
        """Those that go with the state."""
        match self.state:
            case LinkState.RETRYING:
                return self.retry_in
            case LinkState.STALE:
                return self.silent_for
        return None


@dataclass(frozen=True, slots=True)
class EngineStarting:
    """An engine that takes long to start has come further."""

    type: ClassVar[str] = "engine"
    box: str
    stage: str
    """"starting", "loading weights", …, "ready"."""
    time: float = 0.0
    """Unix time of the box."""


@dataclass(frozen=True, slots=True)
class JobPrepared:
    """The job's frames are drawn."""

    type: ClassVar[str] = "prepared"
    job: int
    name: str
    size: str
    """"910x512"; empty for a prompt without a video."""
    frames: int
    prompt_tokens: int
    """By our count."""
    image_bytes: int


@dataclass(frozen=True, slots=True)
class JobSent:
    """The box has the job on its disk."""

    type: ClassVar[str] = "sent"
    job: int
    name: str
    identity: str = ""
    """Of the request, as the box's own log names it."""


@dataclass(frozen=True, slots=True)
class JobStarted:
    """The engine works on the job; text of an earlier attempt is void."""

    type: ClassVar[str] = "started"
    job: int
    name: str
    attempt: int
    reason: str = ""
    """Why the engine failed at the attempt before; empty where it did not, or nobody said so."""


@dataclass(frozen=True, slots=True)
class TextWritten:
    """A piece of the answer."""

    type: ClassVar[str] = "text"
    job: int
    offset: int
    """Characters of this attempt that came before."""
    text: str


@dataclass(frozen=True, slots=True)
class JobDone:
    """The result is in the queue's file."""

    type: ClassVar[str] = "done"
    job: int
    name: str
    prompt: str
    """The upsampled prompt."""
    finish_reason: str
    engine: str
    seconds: float
    """That the engine took."""
    prompt_tokens: int | None
    completion_tokens: int | None


@dataclass(frozen=True, slots=True)
class JobFailed:
    """The job cannot be done as it is."""

    type: ClassVar[str] = "failed"
    job: int
    name: str
    error: str


@dataclass(frozen=True, slots=True)
class JobPostponed:
    """The job stays in the queue; trying again later may help."""

    type: ClassVar[str] = "postponed"
    job: int
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class JobPaused:
    """The job stays in the queue until the user lets it go on."""

    type: ClassVar[str] = "paused"
    job: int
    name: str


@dataclass(frozen=True, slots=True)
class JobCancelled:
    """The job was taken back."""

    type: ClassVar[str] = "cancelled"
    job: int
    name: str


@dataclass(frozen=True, slots=True)
class ResultsWritten:
    """Files were written for a spec file whose jobs have all ended."""

    type: ClassVar[str] = "written"
    file: Path
    """The spec."""
    beside: tuple[Path, ...]
    """The sidecar, and whatever else the spec needs."""


@dataclass(frozen=True, slots=True)
class WritingFailed:
    """A result could not be written; it is kept in the queue."""

    type: ClassVar[str] = "unwritten"
    file: Path
    error: str


@dataclass(frozen=True, slots=True)
class DispatcherChanged:
    """Somebody else works on the queue now."""

    type: ClassVar[str] = "dispatcher"
    holder: str
    """Who that is, in words; empty when it is this process. Data from outside: sanitise before showing."""


@dataclass(frozen=True, slots=True)
class QueueChanged:
    """Another process has changed these jobs, or added them."""

    type: ClassVar[str] = "queue"
    jobs: tuple[int, ...]
    """By number."""


@dataclass(frozen=True, slots=True)
class BoxLog:
    """A line of the runner's or the engine's log. Data from outside: sanitise before showing."""

    type: ClassVar[str] = "log"
    box: str
    time: float
    level: str
    source: str
    text: str


@dataclass(frozen=True, slots=True)
class BoxStatus:
    """How the box does; comes every few seconds while the link is live."""

    type: ClassVar[str] = "status"
    box: str
    time: float
    """Unix time of the box."""
    stage: str
    jobs_waiting: int
    jobs_running: int
    load: EngineLoad | None
    gpus: tuple[Gpu, ...]
    """These as in `remote.protocol.Status`."""

    @classmethod
    def of(cls, box: str, told: Status) -> BoxStatus:
        """What the box of this name told of itself."""
        return cls(
            box=box,
            time=told.time,
            stage=told.stage,
            jobs_waiting=told.jobs_waiting,
            jobs_running=told.jobs_running,
            load=told.load,
            gpus=told.gpus,
        )


Event = (
    LinkChanged
    | EngineStarting
    | JobPrepared
    | JobSent
    | JobStarted
    | TextWritten
    | JobDone
    | JobFailed
    | JobPostponed
    | JobPaused
    | JobCancelled
    | ResultsWritten
    | WritingFailed
    | DispatcherChanged
    | QueueChanged
    | BoxLog
    | BoxStatus
)


def event_json(event: Event) -> dict[str, Json]:
    """The event as a JSON object with its `type` first."""
    return {"type": event.type} | {name: _plain(value) for name, value in asdict(event).items()}


def _plain(value: object) -> Json:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"{type(value).__name__} has no place in an event")
