"""The messages. Messages with a `seq` are durable: they come from the journal, in order, and are sent again
after a reconnect. The others describe the present moment and may be lost with the connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from remote.protocol.checks import Finding, Offer, Trace
from remote.protocol.jobs import Answer, Request
from remote.protocol.telemetry import EngineLoad, Gpu, ReplicaStatus

OLDEST_PROTOCOL = 1
NEWEST_PROTOCOL = 9
"""The range of protocol versions that this code speaks. 2 added Status; the box sends none to an app of
protocol 1. From 3 on, an app sends a message (a Ping, if nothing else) every few seconds, and the box
closes the connection after a minute of silence. From 4 on, Submit may leave out a picture that the
box has. From 5 on, the box sends durable messages that are newer than its Welcome, and an app asks for what
it has missed by Ask; before, the box sends all that come after the app's cursor, whoever's they are. 5 added
Arrange and Submit's `app`, too. From 6 on, a request may have a schema and more sampling parameters. From 7
on, Status tells the slots, because they may change while the daemon runs, a picture may be a WebP or a
JPEG, and an app may send Tokenize. From 8 on, a picture may be a clip. From 9 on, Status tells the replicas,
and an app may send ChangeReplica."""

DRAIN, RESTART = "drain", "restart"
"""What an app may ask of a replica: see `ChangeReplica`."""


AWAY = "away: "
"""The beginning of a stage that says why the engine's server is away, and when it is tried again."""
SERVING = "ready: "
"""The beginning of a stage that says which part of the engine answers: "ready: 6 of 8 replicas · 3 nodes"."""


# --- from the app to the box ---------------------------------------------------------------------


@dataclass(frozen=True)
class Hello:
    """The first message of an app."""

    type: ClassVar[str] = "hello"
    oldest: int
    newest: int
    """The range of protocol versions that the app speaks."""
    journal: str
    """The id of the journal that `after` refers to; empty at the first connection."""
    after: int
    """The app's cursor: the last seq that it has. Before protocol 5, the box sends every message after
    it. Without a journal id, -1 asks for all messages, and 0 for new ones only."""
    runner: str
    setup: str
    """The runner and the setup's fingerprint with which the app would start a daemon. A daemon with others
    ends if it has no work (`Fatal` of kind "replaced"); with work, it goes on as it is. Both are empty for
    an app that only watches."""


@dataclass(frozen=True)
class Submit:
    """Asks the box to run a job. Sending it again is harmless: the job's id is its request's hash."""

    type: ClassVar[str] = "submit"
    job: str
    request: Request
    images: tuple[str, ...]
    """The pictures' files in base64, in the order of `request.frames`: PNG, from protocol 7 on WebP and JPEG,
    too, and from protocol 8 on MP4. From protocol 4 on, an entry may be empty if the box has the picture for
    another job that has not ended; if it does not have it, it answers Refused."""
    app: str = ""
    """The queue that the job belongs to: a random id of the app's queue. The box gives fair turns to queues.
    Empty for an older app."""


@dataclass(frozen=True)
class Ask:
    """Asks what the box knows about requests that the app believes to be there. For each, the box sends the
    durable messages of its last attempt again, or Unknown. From protocol 5 on."""

    type: ClassVar[str] = "ask"
    jobs: tuple[str, ...]


@dataclass(frozen=True)
class Arrange:
    """Puts these of the jobs that wait, among themselves, into this order. Jobs that do not wait are passed
    over. From protocol 5 on."""

    type: ClassVar[str] = "arrange"
    jobs: tuple[str, ...]


@dataclass(frozen=True)
class Tokenize:
    """Asks how many tokens the engine's model makes of a message without pictures. From protocol 7 on."""

    type: ClassVar[str] = "tokenize"
    number: int
    """Comes back in Tokenized."""
    system: str
    """The system prompt; empty for none."""
    prompt: str


@dataclass(frozen=True)
class ChangeReplica:
    """Asks the engine to drain one of its replicas, or to start it anew. From protocol 9 on."""

    type: ClassVar[str] = "change replica"
    number: int
    """Comes back in ReplicaChanged."""
    replica: str
    """Its name, as in `Status.replicas`."""
    change: str
    """DRAIN: it gets no further request, answers those that it has, and is given back. RESTART: it is ended
    and started anew, and other replicas begin anew with what it worked on; a drained one is only started."""


@dataclass(frozen=True)
class Cancel:
    """Asks the box to cancel this job, whether it waits or runs."""

    type: ClassVar[str] = "cancel"
    job: str


@dataclass(frozen=True)
class Ping:
    """Asks whether the box is still there. It answers with a Pong of the same number."""

    type: ClassVar[str] = "ping"
    number: int


@dataclass(frozen=True)
class Stop:
    """Asks the daemon to end. Accepted jobs stay in the journal and go on when a daemon starts again."""

    type: ClassVar[str] = "stop"
    only_idle: bool
    """True asks it to end only if no job waits or runs and no other app is attached."""


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
    """A sentence that every result must carry about how it was written; empty for a language model."""
    slots: int
    """The number of requests that the engine works on at once, at this moment: see `Status.slots`."""
    unfinished: int
    """The number of jobs that wait or run."""
    serves: str = ""
    """A fingerprint of what the engine serves: equal for equal weights, on whatever box. Requests carry it,
    and the box refuses a request with another one. Empty before protocol 5."""
    model: str = ""
    """The model that requests must name, where the box's settings name none: the only one that the model
    server has. Empty otherwise."""
    context: int = 0
    """Tokens of the context that the model server gives a request, prompt and answer together, as it tells;
    0 where it does not tell. Only for the engine openai."""


@dataclass(frozen=True)
class Fatal:
    """The daemon cannot serve this app; no message follows."""

    type: ClassVar[str] = "fatal"
    kind: str
    """"disk", "protocol", "engine", "place" (a folder is unusable), "internal", "hung" (the daemon does not
    answer; a later try may succeed), "killed" (something ended the daemon each time before it served; a
    later try may succeed), "server" (the engine's server cannot start or be reached as the box is: the jobs
    wait, and the next Hello makes it try again), "replaced" (connect again: see Hello), "away" (the
    settings name no model, and the model server cannot be asked for its own; a later try may succeed), or
    "limit" (as much was spent as the settings allow: the jobs wait, and the next Hello asks again). It
    may also come later than instead of Welcome."""
    message: str


@dataclass(frozen=True)
class Accepted:
    """The job is on the box's disk and will be run."""

    type: ClassVar[str] = "accepted"
    seq: int
    job: str


@dataclass(frozen=True)
class Unknown:
    """The box has nothing of a job that it was asked about: its disk was restored, or it forgot the job."""

    type: ClassVar[str] = "unknown"
    job: str


@dataclass(frozen=True)
class Refused:
    """The job was not accepted, and the box stores nothing of it."""

    type: ClassVar[str] = "refused"
    job: str
    kind: str
    """"request" (it will never be accepted), "disk" (a later try may succeed), "pictures" (the box does
    not have a picture that was left out: a try with all pictures may succeed), or "engine" (the box serves
    something else than the request is for: the next Welcome tells what)."""
    message: str


@dataclass(frozen=True)
class Started:
    """A new attempt begins; the text of earlier attempts is invalid."""

    type: ClassVar[str] = "started"
    job: str
    attempt: int
    reason: str = ""
    """The engine's error in the attempt before; empty if there was none."""


@dataclass(frozen=True)
class Delta:
    """A piece of an answer, sent while the engine writes it."""

    type: ClassVar[str] = "delta"
    job: str
    attempt: int
    offset: int
    """The number of characters of this attempt before this piece."""
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
    """The job was tried and has failed."""

    type: ClassVar[str] = "failed"
    seq: int
    job: str
    kind: str
    """"request", "engine", "pictures" (the box has lost one: submit the request again), "replaced" (the box
    serves something else now: submit a request for that) or "internal"."""
    message: str
    cost: float | None = None
    """What the server bills for the attempts, as in `Answer.cost`."""


@dataclass(frozen=True)
class Cancelled:
    """The job was cancelled before it finished."""

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
    """The stage that an engine has reached while it starts, or while its server is away."""

    type: ClassVar[str] = "stage"
    time: float
    stage: str
    """"starting", "loading weights", …, "ready"; or SERVING and words, or AWAY and words."""


@dataclass(frozen=True)
class Status:
    """The present state of the box: sent soon after Welcome, and every few seconds while an app is
    attached.
    """

    type: ClassVar[str] = "status"
    time: float
    stage: str
    """A stage of EngineStage, or "not started", "idle" (the engine has freed the GPU) or "failed" (the
    engine did not start, or ended by itself); empty when the engine does not know. While no job starts
    because the engine's server is away: AWAY and words."""
    jobs_waiting: int
    jobs_running: int
    load: EngineLoad | None
    """None when the engine does not run or does not count its load."""
    gpus: tuple[Gpu, ...]
    """The GPUs that the engine may use; empty when nvidia-smi is missing or does not work."""
    slots: int = 0
    """The number of requests that the engine works on at once now, which may be another one than in Welcome.
    0 before protocol 7."""
    replicas: tuple[ReplicaStatus, ...] = ()
    """The replicas of the engine; empty when it has none, while it does not run, and before protocol 9."""


@dataclass(frozen=True)
class Pong:
    """The answer to Ping."""

    type: ClassVar[str] = "pong"
    number: int


@dataclass(frozen=True)
class Tokenized:
    """The answer to Tokenize."""

    type: ClassVar[str] = "tokenized"
    number: int
    tokens: int | None
    """The tokens with the chat template around them; None when the engine cannot count now, or ever."""


@dataclass(frozen=True)
class ReplicaChanged:
    """The answer to ChangeReplica."""

    type: ClassVar[str] = "replica changed"
    number: int
    refusal: str
    """Why it is not done; empty when it is done, or has begun."""


FromApp = Hello | Submit | Ask | Arrange | Tokenize | ChangeReplica | Cancel | Ping | Stop
FromBox = (
    Welcome
    | Fatal
    | Accepted
    | Unknown
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
    | Offer
    | Trace
    | Pong
    | Tokenized
    | ReplicaChanged
)
Durable = Accepted | Finished | Failed | Cancelled
Message = FromApp | FromBox
