"""What the daemon, the driver and the replicas of the engine `ray` say to each other.

The daemon and the driver are two processes of one machine, with a Unix socket between them. The driver relays
what its replicas say of a request as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar, cast, get_args

from remote.protocol import (
    MAX_MESSAGE,
    EngineLoad,
    Frames,
    Json,
    ProtocolError,
    Request,
    Setup,
    frame,
    parse,
)

DRIVER_COMMAND = "ray-driver"
"""The command of the runner that a driver runs."""
SURVEY_COMMAND = "ray-survey"
"""The command that looks at a cluster."""

# --- from the daemon to the driver ---------------------------------------------------------------


@dataclass(frozen=True)
class DriverSetup:
    """The daemon's first message: what the cluster is to do."""

    type: ClassVar[str] = "setup"
    setup: Setup


@dataclass(frozen=True)
class Generate:
    """Asks for an answer. The pictures follow as they are."""

    type: ClassVar[str] = "generate"
    number: int
    request: Request
    pictures: tuple[int, ...]
    """The sizes in bytes of the PNG files, in the order of `request.frames`."""


@dataclass(frozen=True)
class Drop:
    """Cancels a request."""

    type: ClassVar[str] = "drop"
    number: int


@dataclass(frozen=True)
class AskLoad:
    """Asks for the load of all replicas together."""

    type: ClassVar[str] = "ask load"
    number: int


@dataclass(frozen=True)
class AskTokens:
    """Asks how many tokens a message has, as `Engine.count_tokens`."""

    type: ClassVar[str] = "ask tokens"
    number: int
    system: str
    prompt: str


@dataclass(frozen=True)
class AskChange:
    """Asks for a change of one replica, as `ChangeReplica`."""

    type: ClassVar[str] = "change"
    number: int
    replica: str
    change: str


@dataclass(frozen=True)
class End:
    """Asks the driver to end its replicas and itself. The end of the connection means the same."""

    type: ClassVar[str] = "end"


# --- from the driver to the daemon ---------------------------------------------------------------


@dataclass(frozen=True)
class Greeting:
    """The driver's first message."""

    type: ClassVar[str] = "greeting"
    mark: str
    """What the daemon has given to the process that it started, so that no older driver is taken for it."""


@dataclass(frozen=True)
class Joined:
    """The driver has joined a cluster, or started one."""

    type: ClassVar[str] = "joined"
    ray: str
    python: str
    """The versions."""
    is_open: bool
    """Whether whoever reaches the cluster may run whatever they like there."""


@dataclass(frozen=True)
class Unable:
    """The driver cannot go on, and ends."""

    type: ClassVar[str] = "unable"
    message: str
    for_good: bool
    """Whether no later try can succeed unless somebody changes the box, the cluster or the settings."""


@dataclass(frozen=True)
class Beat:
    """The driver is alive."""

    type: ClassVar[str] = "beat"


@dataclass(frozen=True)
class ReplicaState:
    """One replica."""

    number: int
    node: str
    """The node's name; empty until the replica has one."""
    state: str
    """A `Phase`."""
    detail: str
    """What it does at the moment, or why it does not answer."""
    slots: int
    in_flight: int
    restarts: int
    gpus: str = ""
    """The numbers of its GPUs there."""


@dataclass(frozen=True)
class ReplicaSetState:
    """All replicas. It comes when one of them changes, and before each Load."""

    type: ClassVar[str] = "replicas"
    each: tuple[ReplicaState, ...]
    nodes: int
    """The nodes of the cluster that are alive."""
    serves: str
    """The fingerprint of what the replicas serve; empty until one of them tells it."""
    slots: int
    """The requests that the replicas which answer work on at once."""
    name: str
    """Engine and version of a replica: "vllm 0.32.0"."""
    model: str
    context: int
    """As in `Welcome`."""
    stage: str
    """The stage of the replica that is nearest to answering."""
    trouble: str = ""
    """Why none will answer soon; empty while one answers or may."""


@dataclass(frozen=True)
class Given:
    """A replica has the request now, and may work on it even when nobody hears of it any more."""

    type: ClassVar[str] = "given"
    number: int
    replica: int


@dataclass(frozen=True)
class Text:
    """A piece of the answer."""

    type: ClassVar[str] = "text"
    number: int
    text: str


@dataclass(frozen=True)
class Held:
    """As `remote.engines.Hold`."""

    type: ClassVar[str] = "held"
    number: int
    seconds: float
    reason: str


@dataclass(frozen=True)
class Done:
    """As `remote.engines.Completion`: the answer has ended."""

    type: ClassVar[str] = "done"
    number: int
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None


GONE, ENDED, AWAY = "gone", "ended", "away"
BAD, REPLACED, FAILED = "bad", "replaced", "failed"


@dataclass(frozen=True)
class Trouble:
    """The request has no answer."""

    type: ClassVar[str] = "trouble"
    number: int
    kind: str
    """GONE (the replica that had it is lost), ENDED (it was ended, as was asked), AWAY (no replica can
    answer), BAD (the request can never be answered), REPLACED (the replicas serve something else), or FAILED.
    """
    message: str
    retry_after: float | None = None
    for_good: bool = False
    """Both as in `remote.engines.EngineAway`."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    """What the model server counted all the same."""


@dataclass(frozen=True)
class Load:
    """The answer to AskLoad."""

    type: ClassVar[str] = "load"
    number: int
    load: EngineLoad | None


@dataclass(frozen=True)
class Counted:
    """The answer to AskTokens."""

    type: ClassVar[str] = "counted"
    number: int
    tokens: int | None


@dataclass(frozen=True)
class Heeded:
    """The answer to AskChange."""

    type: ClassVar[str] = "changed"
    number: int
    refusal: str
    """Why it is not done; empty when it is."""


@dataclass(frozen=True)
class Said:
    """A line for the log."""

    type: ClassVar[str] = "said"
    level: str
    """"info" or "warning"."""
    text: str


@dataclass(frozen=True)
class NodeFacts:
    """What was found on a node of the cluster."""

    name: str
    gpus: float
    has_model: bool | None
    """Whether the model's folder is there; None for a model that is no folder, and where nobody answered."""
    free: int | None
    """Bytes that are free where the box's root is; None where nobody answered."""


@dataclass(frozen=True)
class ClusterSurvey:
    """What a look at the cluster has found. Nothing is started for it but the look itself."""

    type: ClassVar[str] = "survey"
    ray: str
    python: str
    is_open: bool
    """All three as in `Joined`."""
    seconds: float
    """How long it took to join."""
    nodes: tuple[NodeFacts, ...]


# --- from a replica to the driver ----------------------------------------------------------------


@dataclass(frozen=True)
class News:
    """What a replica says of itself when it is asked."""

    type: ClassVar[str] = "news"
    node: str
    state: str
    """STARTING, READY, AWAY or FAILED of `Phase`."""
    detail: str
    serves: str
    slots: int
    name: str
    model: str
    context: int
    stage: str
    retry_after: float = 0.0
    """Seconds until it tries again by itself, when it does not answer."""
    for_good: bool = False
    gpus: str = ""
    """The numbers of its GPUs on its node, as Ray gave them; empty when it has none."""


ToDriver = DriverSetup | Generate | Drop | AskLoad | AskTokens | AskChange | End
Piece = Text | Held | Done | Trouble
"""What a replica says of a request."""
FromDriver = (
    Greeting
    | Joined
    | Unable
    | Beat
    | ReplicaSetState
    | Given
    | Piece
    | Load
    | Counted
    | Heeded
    | Said
)
Message = ToDriver | FromDriver | News | ClusterSurvey

_BY_TYPE: dict[str, type[Message]] = {kind.type: kind for kind in get_args(Message)}


def to_text(message: Message) -> str:
    """The message as a line of JSON."""
    return json.dumps({"type": message.type, **asdict(message)}, separators=(",", ":"))


def from_text(text: str | bytes) -> Message:
    """Read such a line. Raises ProtocolError."""
    try:
        value = cast(Json, json.loads(text))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a message is not JSON: {error}") from None
    kind = _BY_TYPE.get(str(value.get("type"))) if isinstance(value, dict) else None
    if kind is None:
        raise ProtocolError("a message has no known type")
    return parse(kind, value)


def encode(message: Message, pictures: Sequence[bytes] = ()) -> bytes:
    """The message as the bytes of a frame: a line of JSON, then the pictures one after the other."""
    return frame(b"".join([to_text(message).encode(), b"\n", *pictures]))


class Reader:
    """Cuts a byte stream into messages."""

    def __init__(self) -> None:
        self._frames = Frames(MAX_MESSAGE)

    def feed(self, data: bytes) -> Iterator[tuple[Message, tuple[bytes, ...]]]:
        """Add received bytes, and yield each message that is complete now with its pictures.

        Raises ProtocolError.
        """
        for body in self._frames.feed(data):
            begin = body.find(b"\n") + 1 or len(body)
            message = from_text(body[:begin])
            sizes = message.pictures if isinstance(message, Generate) else ()
            if sum(sizes) != len(body) - begin or any(size < 0 for size in sizes):
                raise ProtocolError("the pictures of a message do not have the sizes that it says")
            yield message, tuple(cut(body, sizes, begin))


def cut(data: bytes, sizes: Sequence[int], begin: int = 0) -> Iterator[bytes]:
    """The pictures of these sizes that lie in the data one after the other, from `begin` on."""
    for size in sizes:
        yield data[begin : begin + size]
        begin += size
