"""The wire: bytes are messages or a ProtocolError, however they are cut, and survive a second trip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from remote.protocol import (
    Accepted,
    Answer,
    Arrange,
    Ask,
    Cancel,
    Cancelled,
    ChangeReplica,
    Decoder,
    Delta,
    EngineLoad,
    EngineStage,
    Failed,
    Fatal,
    Finding,
    Finished,
    FrameInfo,
    Gpu,
    Hello,
    Log,
    Message,
    Offer,
    Ping,
    Pong,
    ProtocolError,
    Refused,
    ReplicaChanged,
    ReplicaStatus,
    Request,
    Sampling,
    Started,
    Status,
    Stop,
    Submit,
    Tokenize,
    Tokenized,
    Trace,
    Unknown,
    Welcome,
    encode,
)

_LENGTH = 4


def seeds() -> Iterable[bytes]:
    for message in _examples():
        framed = encode(message)
        yield b"\0" + framed
        yield b"\1" + framed[_LENGTH:]


def check(data: bytes) -> None:
    stream = data[1:]
    if data[:1] != b"\0":
        # As one frame of the right length, or the fuzzer would have to guess it each time.
        stream = len(stream).to_bytes(_LENGTH, "big") + stream
    whole = _read([stream])
    size = 1 + (data[0] if data else 0) % 7
    cut = _read([stream[at : at + size] for at in range(0, len(stream), size)])
    assert repr(whole) == repr(cut)
    for message in whole:
        assert isinstance(message, str) or list(Decoder().feed(encode(message))) == [message]


def _read(pieces: Iterable[bytes]) -> list[Message | str]:
    """The messages, and the error that ends them, if there is one."""
    decoder = Decoder()
    found: list[Message | str] = []
    try:
        for piece in pieces:
            found += decoder.feed(piece)
    except ProtocolError as error:
        found.append(f"ProtocolError: {error}")
    return found


def _examples() -> Iterator[Message]:
    frame = FrameInfo("0" * 64, 640, 480, 1.25)
    request = Request("p", "m", "", "dusk", (frame,), Sampling(0.6, 300, 7))
    load = EngineLoad(1, 0, 2.5, 30.0, 0.25)
    gpu = Gpu(0, "H100", 81_559, 62_000, 71)
    yield Hello(1, 2, "j", -1, "r", "s")
    yield Submit(request.job_id(), request, ("iVBO",))
    yield Cancel("j")
    yield ChangeReplica(1, "0", "drain")
    yield ReplicaChanged(1, "the last one")
    yield Ask(("j", "k"))
    yield Arrange(("k", "j"))
    yield Tokenize(1, "", "dusk")
    yield Tokenized(1, 9)
    yield Trace("/root/of/box", 4096, "ok")
    yield Unknown("j")
    yield Ping(1)
    yield Stop(only_idle=True)
    yield Welcome(2, "r", "j", 4, "sketch 1", "s", "", 8, 1)
    yield Fatal("disk", "full")
    yield Accepted(1, "j")
    yield Refused("j", "request", "why")
    yield Started("j", 1)
    yield Delta("j", 1, 0, "Warm \x1b[31m light")
    yield Finished(2, "j", Answer("Warm", "stop", "e", 5, 3, "r", "", 1, 0.5, 1.5))
    yield Failed(3, "j", "engine", "why")
    yield Cancelled(4, "j")
    yield Log(0.5, "info", "vllm", "line")
    yield EngineStage(0.5, "loading weights")
    replica = ReplicaStatus("0", "ready", "", "node-a", "0,1", 8, 2, 1)
    yield Status(0.5, "ready", 1, 2, load, (gpu,), 8, (replica,))
    yield Finding(0.5, "box", "disk", "failed", "full", "make room")
    yield Offer("server", "http://127.0.0.1:8000/v1", models=("m",))
    yield Pong(1)
