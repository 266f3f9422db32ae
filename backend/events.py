"""Defines the events that report the progress of jobs and the state of boxes to every front end."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from remote.protocol import EngineLoad, Gpu, Json, ReplicaStatus, Status

LONGEST_STAGE = 1_000
"""Characters of an engine's stage that are told. A box's honest one has at most some 300."""
MOST_GPUS = 64
"""GPUs of a box that are told."""
MOST_REPLICAS = 1024
"""Replicas of a box that are told, or engines of its model server."""
_LONGEST_WORDS = 300
"""Characters of what is told about a replica."""


class LinkState(StrEnum):
    """The state of the link to a box."""

    CONNECTING = "connecting"
    WAITING = "waiting"
    """It waits for the user's answer: about a host key, a password or a passphrase."""
    LIVE = "live"
    STALE = "stale"
    """The box has become silent. The link is live again when the box sends something, or it is given up."""
    RETRYING = "retrying"
    """The connection failed; the next try comes after a pause."""
    STOPPED = "stopped"
    """The connection is not tried again until the user changes something; the detail says what."""
    CLOSED = "closed"
    """All jobs of the box have ended; the next job opens the link again."""


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The link to a box has changed its state."""

    type: ClassVar[str] = "link"
    box: str
    state: LinkState
    detail: str
    """The engine when live, the question when waiting, what went wrong when retrying or stopped."""
    retry_in: float = 0.0
    """Seconds until the next try, when retrying."""
    silent_for: float = 0.0
    """Seconds since the box last sent something, when stale."""

    @property
    def seconds(self) -> float | None:
        """`retry_in` when retrying, `silent_for` when stale, else None."""
        match self.state:
            case LinkState.RETRYING:
                return self.retry_in
            case LinkState.STALE:
                return self.silent_for
        return None


@dataclass(frozen=True, slots=True)
class EngineStarting:
    """An engine that starts has reached its next stage."""

    type: ClassVar[str] = "engine"
    box: str
    stage: str
    """"starting", "loading weights", …, "ready"."""
    time: float = 0.0
    """Unix time by the box's clock."""


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
    """Prompt tokens by our own count."""
    image_bytes: int
    """Size of all frames together in bytes."""
    warning: str = ""
    """What may be wrong with the frames; empty when nothing is."""


@dataclass(frozen=True, slots=True)
class JobTaken:
    """A box has taken a job of its fleet: it is the one that is sent the job."""

    type: ClassVar[str] = "taken"
    job: int
    name: str
    box: str
    """Empty when the box has given the job back, so that any box of its fleet may take it."""


@dataclass(frozen=True, slots=True)
class JobSent:
    """The box has the job on its disk."""

    type: ClassVar[str] = "sent"
    job: int
    name: str
    identity: str = ""
    """The identity of the request, as the box's log names it."""


@dataclass(frozen=True, slots=True)
class HandingOver:
    """The box is being given every job that is left of the run, and has taken some more of them."""

    type: ClassVar[str] = "handing over"
    box: str
    on_box: int
    """How many of the jobs that are left the box has on its disk."""
    jobs: int
    """How many jobs are left."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The box has every job that is left of the run, and does them whether this program runs or not."""

    type: ClassVar[str] = "handed over"
    box: str
    jobs: int
    """How many jobs are left."""
    is_here: bool = False
    """Whether the box is this machine, which must stay on."""


@dataclass(frozen=True, slots=True)
class JobStarted:
    """The engine has started an attempt at the job; text of an earlier attempt is void."""

    type: ClassVar[str] = "started"
    job: int
    name: str
    attempt: int
    """The number of the attempt, from 1."""
    reason: str = ""
    """Why the engine failed at the attempt before; empty when it did not, or when that is not known."""


@dataclass(frozen=True, slots=True)
class TextWritten:
    """The engine has written a piece of the answer."""

    type: ClassVar[str] = "text"
    job: int
    offset: int
    """How many characters of this attempt's answer come before the piece."""
    text: str


@dataclass(frozen=True, slots=True)
class JobDone:
    """The job is done: its result is in the queue's file."""

    type: ClassVar[str] = "done"
    job: int
    name: str
    prompt: str
    """The upsampled prompt."""
    finish_reason: str
    engine: str
    seconds: float
    """How long the engine took."""
    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None = None
    """What was paid for it in this run, with the attempts before; 0 when the answer was there already, or is
    told for another job. None where the box's settings have no prices, or the tokens are not known."""


@dataclass(frozen=True, slots=True)
class AnsweredTwice:
    """A second box has answered a job that was given to another one. The first answer counts."""

    type: ClassVar[str] = "answered twice"
    job: int
    name: str
    box: str
    """The second box."""
    candidate: int
    """The job as which its answer is kept, for a review."""


@dataclass(frozen=True, slots=True)
class EstimateCorrected:
    """What a box counts has changed the estimates of tokens: a profile does not fit its model."""

    type: ClassVar[str] = "estimate"
    box: str
    model: str
    profile: str
    """The profile whose rules do not give what the box counts."""
    fitting: tuple[str, ...]
    """The profiles whose rules do."""
    text: str
    """What the user should know, in sentences; empty when the user was told before."""


@dataclass(frozen=True, slots=True)
class JobFailed:
    """The job has failed."""

    type: ClassVar[str] = "failed"
    job: int
    name: str
    error: str
    cost: float | None = None
    """What was paid for it all the same, as in `JobDone.cost`."""


@dataclass(frozen=True, slots=True)
class JobPostponed:
    """The box cannot take the job now; it stays in the queue, and a later try may succeed."""

    type: ClassVar[str] = "postponed"
    job: int
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class JobDrawnAgain:
    """The answer was not as the profile wants it, and another one is drawn with another seed."""

    type: ClassVar[str] = "drawn again"
    job: int
    name: str
    draw: int
    """The number of the draw that begins, from 2."""
    most: int
    """How many draws the job may have."""
    reason: str
    """What was wrong with the answer."""
    cost: float | None = None
    """What was paid for that answer, as in `JobDone.cost`."""


@dataclass(frozen=True, slots=True)
class JobPaused:
    """The job is paused: it stays in the queue until the user resumes it."""

    type: ClassVar[str] = "paused"
    job: int
    name: str


@dataclass(frozen=True, slots=True)
class JobCancelled:
    """The job was cancelled."""

    type: ClassVar[str] = "cancelled"
    job: int
    name: str


@dataclass(frozen=True, slots=True)
class ResultsWritten:
    """The results of a spec file were written, because all its jobs have ended."""

    type: ClassVar[str] = "written"
    file: Path
    """The new spec file."""
    beside: tuple[Path, ...]
    """The sidecar, and other files that the new spec needs."""


@dataclass(frozen=True, slots=True)
class WritingFailed:
    """A result file could not be written; the results are kept in the queue."""

    type: ClassVar[str] = "unwritten"
    file: Path
    error: str


@dataclass(frozen=True, slots=True)
class DispatcherChanged:
    """Another process runs the queue now, or this one does again."""

    type: ClassVar[str] = "dispatcher"
    holder: str
    """A description of the other process; empty when it is this one. Data from outside: sanitise before
    showing."""


@dataclass(frozen=True, slots=True)
class QueueChanged:
    """Another process has changed these jobs, or added them."""

    type: ClassVar[str] = "queue"
    jobs: tuple[int, ...]
    """The numbers of the jobs."""


@dataclass(frozen=True, slots=True)
class BoxLog:
    """A line came from the runner's or the engine's log. Data from outside: sanitise before showing."""

    type: ClassVar[str] = "log"
    box: str
    time: float
    level: str
    source: str
    text: str


@dataclass(frozen=True, slots=True)
class BoxStatus:
    """The box has reported its load; this comes every few seconds while the link is live.

    The fields are those of `remote.protocol.Status`.
    """

    type: ClassVar[str] = "status"
    box: str
    time: float
    """Unix time by the box's clock."""
    stage: str
    jobs_waiting: int
    jobs_running: int
    load: EngineLoad | None
    gpus: tuple[Gpu, ...]
    slots: int = 0
    replicas: tuple[ReplicaStatus, ...] = ()

    @classmethod
    def of(cls, box: str, status: Status) -> BoxStatus:
        """Make the event from the Status message of the box with this name."""
        return cls(
            box=box,
            time=status.time,
            stage=status.stage[:LONGEST_STAGE],
            jobs_waiting=status.jobs_waiting,
            jobs_running=status.jobs_running,
            load=_bounded(status.load),
            gpus=tuple(
                replace(gpu, name=gpu.name[:LONGEST_STAGE]) for gpu in status.gpus[:MOST_GPUS]
            ),
            slots=max(0, status.slots),
            replicas=tuple(map(_bounded_replica, status.replicas[:MOST_REPLICAS])),
        )


def _bounded(load: EngineLoad | None) -> EngineLoad | None:
    """Return the load without what no honest box tells."""
    if load is None or not load.parts:
        return load
    parts = [replace(part, name=part.name[:LONGEST_STAGE]) for part in load.parts[:MOST_REPLICAS]]
    return replace(load, parts=tuple(parts))


def _bounded_replica(replica: ReplicaStatus) -> ReplicaStatus:
    texts = ("name", "state", "detail", "node", "gpus")
    short = {name: getattr(replica, name)[:_LONGEST_WORDS] for name in texts}
    counts = {name: max(0, getattr(replica, name)) for name in ("slots", "in_flight", "restarts")}
    return replace(replica, **short, **counts)


Event = (
    LinkChanged
    | EngineStarting
    | JobTaken
    | JobPrepared
    | JobSent
    | HandingOver
    | HandedOver
    | JobStarted
    | TextWritten
    | JobDone
    | AnsweredTwice
    | EstimateCorrected
    | JobFailed
    | JobPostponed
    | JobDrawnAgain
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
    """Return the event as a JSON object with its `type` first."""
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
