"""What daemon, driver and replicas say comes through the socket whole, in whatever pieces."""

from __future__ import annotations

import pytest

from remote.engines.ray.messages import (
    DriverSetup,
    Drop,
    Generate,
    Message,
    Reader,
    ReplicaSetState,
    ReplicaState,
    Trouble,
    encode,
    from_text,
    to_text,
)
from remote.protocol import OpenAISetup, ProtocolError, RaySetup, Request, Sampling, Setup, frame

REQUEST = Request("transfer1", "m", "", "a dog", (), Sampling(0.6, 300, 1, top_k=5))
SETUP = Setup(
    "/root", "ray", "m", 60.0,
    openai=OpenAISetup("http://h:1/v1", "", 3),
    ray=RaySetup("auto", 2, "openai", "python3"),
)  # fmt: skip


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_messages_and_pictures_are_read_as_they_were_sent(step: int) -> None:
    pictures = (b"\n\x00\xff", b"", b"{}\n")
    state = ReplicaSetState((ReplicaState(1, "a", "ready", "", 4, 2, 0),), 1, "x", 4, "", "", 0, "")
    sent: list[tuple[Message, tuple[bytes, ...]]] = [
        (DriverSetup(SETUP), ()),
        (Generate(7, REQUEST, tuple(map(len, pictures))), pictures),
        (Drop(7), ()),
        (state, ()),
        (Trouble(7, "gone", "the\nnode"), ()),
    ]
    data = b"".join(encode(*each) for each in sent)
    reader, heard = Reader(), []
    for at in range(0, len(data), step):
        heard += list(reader.feed(data[at : at + step]))
    assert heard == sent


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json\n",
        b'{"type":"unheard of"}\n',
        b'{"type":"drop"}\n',
        b'{"type":"drop","number":"7"}\n',
        b'{"type":"drop","number":7}\nmore',
        to_text(Generate(7, REQUEST, (4,))).encode() + b"\nabc",
        to_text(Generate(7, REQUEST, (-1, 4))).encode() + b"\nabc",
    ],
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        list(Reader().feed(frame(body)))


def test_a_line_of_text_is_a_message_too() -> None:
    assert from_text(to_text(Drop(7))) == Drop(7)
