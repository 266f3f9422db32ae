"""Messages as bytes: four bytes of length (big-endian), and that many bytes of UTF-8 JSON.

The JSON is an object whose `type` names the message. Unknown keys are ignored, so that a newer peer may
add some; a missing or ill-typed key is a `ProtocolError`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import cast, get_args

from remote.protocol.messages import Message
from remote.protocol.typed_json import Json, ProtocolError, kind_of, parse

MAGIC = b"upsample-runner\n"
"""The box prints this line before its first message, because login shells print things."""

MAX_MESSAGE = 64 * 1024 * 1024
"""Bytes a message may have. Two uncompressed 1920x1056 frames in base64 take 16 MiB."""

MAX_FROM_BOX = 8 * 1024 * 1024
"""Bytes that a message from the box may have. It carries no pictures; an answer of a million tokens takes 5
MiB. The limit is low because JSON of nothing but brackets takes some thirty times its size in memory."""

_MOST_PARTS = 1_000_000
"""Commas and opening brackets that a message above MAX_FROM_BOX may have. Only its pictures make such a
message large, and base64 has none of these characters."""

_LENGTH = 4
_BY_TYPE: dict[str, type[Message]] = {kind.type: kind for kind in get_args(Message)}


def to_json(message: Message) -> dict[str, Json]:
    """The message as a JSON object with its `type` first."""
    return {"type": message.type, **asdict(message)}


def from_json(value: Json) -> Message:
    """Read the message that a JSON object describes. Raises ProtocolError."""
    if not isinstance(value, dict):
        raise ProtocolError(f"a message is an object, not {kind_of(value)}")
    name = value.get("type")
    if not isinstance(name, str):
        raise ProtocolError(f"the type of a message is str, not {kind_of(name)}")
    kind = _BY_TYPE.get(name)
    if kind is None:
        raise ProtocolError(f"unknown message type {name[:40]!r}")
    return parse(kind, value)


def encode(message: Message) -> bytes:
    """Return the message as the bytes that are sent. Raises ProtocolError above MAX_MESSAGE."""
    body = json.dumps(to_json(message), separators=(",", ":")).encode()
    if len(body) > MAX_MESSAGE:
        raise ProtocolError(f"a message of {len(body):,} bytes is over {MAX_MESSAGE:,}")
    return frame(body)


def frame(body: bytes) -> bytes:
    """Put a body's length before it."""
    return len(body).to_bytes(_LENGTH, "big") + body


class Frames:
    """Cuts a byte stream into the bodies of frames, however the bytes arrive.

    It holds at most one incomplete frame. After a ProtocolError the stream cannot be read on.
    """

    def __init__(self, most: int = MAX_MESSAGE) -> None:
        """`most` is the number of bytes that a body may have."""
        self._most = most
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add received bytes, and yield the bodies that are complete now. Raises ProtocolError."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH:
            length = int.from_bytes(self._buffer[:_LENGTH], "big")
            if length > self._most:
                raise ProtocolError(f"a message of {length:,} bytes is over {self._most:,}")
            end = _LENGTH + length
            if len(self._buffer) < end:
                return
            # A slice of the buffer itself would be one more copy.
            with memoryview(self._buffer) as buffer:
                body = bytes(buffer[_LENGTH:end])
            del self._buffer[:end]
            yield body

    @property
    def pending(self) -> int:
        """The number of bytes of an incomplete frame. Above 0 at the end of a stream, a message was cut."""
        return len(self._buffer)


class Decoder:
    """Reads messages from a byte stream, however the bytes arrive."""

    def __init__(self, most: int = MAX_MESSAGE) -> None:
        """`most` is the number of bytes that a message may have."""
        self._frames = Frames(most)

    def feed(self, data: bytes) -> Iterator[Message]:
        """Add received bytes, and yield the messages that are complete now. Raises ProtocolError."""
        return map(_decode, self._frames.feed(data))

    @property
    def pending(self) -> int:
        """The number of bytes of an incomplete message. Above 0 at the end of a stream, a message was cut."""
        return self._frames.pending


def _decode(body: bytes) -> Message:
    if len(body) > MAX_FROM_BOX and sum(map(body.count, (b",", b"[", b"{"))) > _MOST_PARTS:
        raise ProtocolError("a message is made of too many parts")
    try:
        value = cast(Json, json.loads(body))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a message is not JSON: {error}") from None
    return from_json(value)
