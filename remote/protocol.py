"""What the app and the box say to each other: the messages, and how they lie on a byte stream.

This is the only module of `remote` that `backend` imports, so it holds no behaviour of either side.

On the wire a message is four bytes of length (big-endian) and that many bytes of UTF-8 JSON, an object
whose `type` names the message. Before the first one, the box prints `MAGIC` on a line of its own,
because login shells print things. Unknown keys are ignored, so that a newer peer may add some; a
missing or ill-typed key is a `ProtocolError`.

Messages with a `seq` are durable: they come from the journal, in order, and are sent again after a
reconnect. The others tell of the moment and may be lost with the connection.
"""

from __future__ import annotations

import hashlib
import json
import types
from collections.abc import Callable, Hashable, Iterator
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from functools import cache
from typing import ClassVar, TypeVar, Union, cast, get_args, get_origin, get_type_hints

OLDEST_PROTOCOL = 1
NEWEST_PROTOCOL = 1

MAGIC = b"upsample-runner\n"
"""The line after which everything the box writes is messages."""

MAX_MESSAGE = 64 * 1024 * 1024
"""Bytes a message may have. Two uncompressed 1920x1056 frames in base64 take 16 MiB."""

_LENGTH = 4

Json = Union[None, bool, int, float, str, "list[Json]", "dict[str, Json]"]
T = TypeVar("T")


class ProtocolError(Exception):
    """The peer sent something that is not a message of this protocol."""


# --- what a job is -------------------------------------------------------------------------------


@dataclass(frozen=True)
class FrameInfo:
    """One still picture that the model looks at, without its pixels."""

    sha256: str
    """Of the PNG file's bytes, as 64 hex digits."""
    width: int
    height: int
    time: float
    """Seconds from the start of the video; 0 for an image."""

    def __post_init__(self) -> None:
        # 0 and 0.0 are equal, but not in the JSON that a job's id is the hash of.
        object.__setattr__(self, "time", float(self.time))


@dataclass(frozen=True)
class Sampling:
    """How the answer is drawn."""

    temperature: float
    max_tokens: int
    """Tokens kept free for the answer; it is cut off there."""
    seed: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "temperature", float(self.temperature))


@dataclass(frozen=True)
class Request:
    """Everything that decides what the answer can be; two equal requests are the same job."""

    profile: str
    model: str
    """The model as the box's config names it; empty for an engine that needs none."""
    system: str
    """System prompt; empty for none."""
    prompt: str
    frames: tuple[FrameInfo, ...]
    sampling: Sampling
    candidate: int = 0
    """Which of several answers to the same question, from 0."""

    def job_id(self) -> str:
        """SHA-256 over the canonical JSON of every field, as 64 hex digits."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True)
class Answer:
    """What the engine made of a request."""

    text: str
    finish_reason: str
    """"stop", or "length" when the answer was cut off at max_tokens."""
    engine: str
    """Engine and version: "sketch 1", "vllm 0.32.0"."""
    prompt_tokens: int | None
    """As the engine counted them, images included; None when it does not count."""
    completion_tokens: int | None
    runner: str
    """First 12 hex digits of the SHA-256 of the runner that did the work."""
    notice: str
    """What the engine wants said about how the text was written; empty for a language model."""
    attempt: int
    """1 when the first try succeeded."""
    started: float
    """Unix time of the box."""
    ended: float


@dataclass(frozen=True)
class Setup:
    """How a box is to be run; a daemon is started with one and keeps it."""

    root: str
    """Folder on the box for runner, journal and logs; may begin with ~."""
    engine: str
    model: str
    idle_timeout: float
    """Seconds without work and without an app before the daemon gives everything back and ends."""

    def __post_init__(self) -> None:
        # As in FrameInfo: the fingerprint must be the same on both sides of the wire.
        object.__setattr__(self, "idle_timeout", float(self.idle_timeout))

    def fingerprint(self) -> str:
        """Twelve hex digits that differ when any setting does."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]


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
    """The last seq that the app has; the box answers with everything after it."""
    runner: str
    setup: str
    """The runner and the setup's fingerprint that the app would start. A daemon that has others and
    nothing to do makes room (`Fatal` of kind "replaced"); a busy one goes on as it is."""


@dataclass(frozen=True)
class Submit:
    """Please do this job. Sending one again is harmless: the job's id is its request's hash."""

    type: ClassVar[str] = "submit"
    job: str
    request: Request
    images: tuple[str, ...]
    """The PNG files in base64, in the order of `request.frames`."""


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
    """"disk", "protocol", "engine", "place", "internal", or "replaced" (come again: see Hello)."""
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
    """"request" (it will never be accepted) or "disk" (later, it may)."""
    message: str


@dataclass(frozen=True)
class Started:
    """An attempt begins; text of an earlier attempt is void."""

    type: ClassVar[str] = "started"
    job: str
    attempt: int


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
    """"request", "engine" or "internal"."""
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
    | Pong
)
Durable = Accepted | Finished | Failed | Cancelled
Message = FromApp | FromBox

_BY_TYPE: dict[str, type[Message]] = {kind.type: kind for kind in get_args(Message)}


# --- messages as bytes ---------------------------------------------------------------------------


def to_json(message: Message) -> dict[str, Json]:
    """The message as a JSON object with its `type` first."""
    return {"type": message.type, **asdict(message)}


def from_json(value: Json) -> Message:
    """The message that a JSON object stands for. Raises ProtocolError."""
    if not isinstance(value, dict):
        raise ProtocolError(f"a message is an object, not {_kind(value)}")
    name = value.get("type")
    if not isinstance(name, str):
        raise ProtocolError(f"the type of a message is str, not {_kind(name)}")
    kind = _BY_TYPE.get(name)
    if kind is None:
        raise ProtocolError(f"unknown message type {name[:40]!r}")
    return parse(kind, value)


def encode(message: Message) -> bytes:
    """The message as it lies on the wire. Raises ProtocolError above MAX_MESSAGE."""
    body = json.dumps(to_json(message), separators=(",", ":")).encode()
    if len(body) > MAX_MESSAGE:
        raise ProtocolError(f"a message of {len(body):,} bytes is over {MAX_MESSAGE:,}")
    return len(body).to_bytes(_LENGTH, "big") + body


class Decoder:
    """Cuts a byte stream into messages, however the bytes arrive.

    Holds at most one incomplete message. After a ProtocolError the stream is not to be trusted.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that `data` completes. Raises ProtocolError."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH:
            length = int.from_bytes(self._buffer[:_LENGTH], "big")
            if length > MAX_MESSAGE:
                raise ProtocolError(f"a message of {length:,} bytes is over {MAX_MESSAGE:,}")
            end = _LENGTH + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH:end])
            del self._buffer[:end]
            yield _decode(body)

    @property
    def pending(self) -> int:
        """Bytes of an incomplete message; above 0 at the end of a stream, it was cut."""
        return len(self._buffer)


def _decode(body: bytes) -> Message:
    try:
        value = cast(Json, json.loads(body))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a message is not JSON: {error}") from None
    return from_json(value)


# --- JSON as typed values ------------------------------------------------------------------------


def parse(kind: type[T], value: Json) -> T:
    """A JSON object as the dataclass `kind`, every field checked. Raises ProtocolError."""
    if not isinstance(value, dict):
        raise ProtocolError(f"{kind.__name__} is an object, not {_kind(value)}")
    arguments: dict[str, object] = {}
    for name, (hint, required) in _shape(cast(Hashable, kind)).items():
        if name in value:
            arguments[name] = _check(hint, value[name], f"{kind.__name__}.{name}")
        elif required:
            raise ProtocolError(f"{kind.__name__}.{name} is missing")
    return kind(**arguments)


@cache
def _shape(kind: type) -> dict[str, tuple[object, bool]]:
    hints = get_type_hints(kind)
    return {field.name: (hints[field.name], field.default is MISSING) for field in fields(kind)}


def _check(hint: object, value: Json, where: str) -> object:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in get_args(hint):
            return None
        (hint,) = (part for part in get_args(hint) if part is not type(None))
        return _check(hint, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ProtocolError(f"{where} is a list, not {_kind(value)}")
        return tuple(_check(get_args(hint)[0], item, where) for item in value)
    if is_dataclass(hint):
        return parse(cast("type[object]", hint), value)
    scalar = _SCALARS[cast(type, hint)]
    if not scalar(value):
        raise ProtocolError(f"{where} is {cast(type, hint).__name__}, not {_kind(value)}")
    return _as_float(cast(float, value), where) if hint is float else value


def _as_float(value: float, where: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ProtocolError(f"{where} is too large a number") from None


_SCALARS: dict[type, Callable[[Json], bool]] = {
    str: lambda value: isinstance(value, str),
    bool: lambda value: isinstance(value, bool),
    int: lambda value: isinstance(value, int) and not isinstance(value, bool),
    float: lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
}


def _kind(value: Json) -> str:
    return "null" if value is None else type(value).__name__
