"""Messages survive the wire, and nothing else than a ProtocolError comes of garbage."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote.protocol import (
    BEYOND_NUMBERS,
    MAX_FROM_BOX,
    MAX_MESSAGE,
    Decoder,
    Delta,
    FrameInfo,
    Hello,
    Json,
    Message,
    Ping,
    ProtocolError,
    Request,
    Sampling,
    Submit,
    encode,
    from_json,
    to_json,
)
from tests.remote.attached import ask

largest = BEYOND_NUMBERS - 1
st.register_type_strategy(float, st.floats(-(2.0**62), 2.0**62))
st.register_type_strategy(int, st.integers(-largest, largest))
messages = st.one_of([st.from_type(kind) for kind in get_args(Message)])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def decode(data: bytes) -> list[Message]:
    return list(Decoder().feed(data))


@given(st.lists(messages, max_size=4), st.data())
def test_messages_arrive_however_the_bytes_are_cut(
    sent: list[Message], data: st.DataObject
) -> None:
    stream = b"".join(map(encode, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    decoder = Decoder()
    got: list[Message] = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += decoder.feed(stream[begin:end])
    assert got == sent
    assert decoder.pending == 0


@given(st.from_type(Request))
def test_a_job_has_the_same_id_on_both_sides_of_the_wire(request: Request) -> None:
    (got,) = decode(encode(Submit(request.job_id(), request, ())))
    assert isinstance(got, Submit)
    assert got.request.job_id() == got.job


def test_a_picture_that_is_packed_otherwise_makes_no_other_job() -> None:
    frame = FrameInfo("a" * 64, 64, 36, 0.5)
    packed = replace(frame, webp="b" * 64)
    one, other = (
        Request("p", "m", "", "fog", (frame,), Sampling(0.6, 300, seed=8))
        for frame in (frame, packed)
    )
    assert one.job_id() == other.job_id()
    # As it was before pictures could be packed otherwise: what was asked then is not asked again.
    assert one.job_id()[:16] == "1e22e8cd7a3258cc"
    assert (frame.file, packed.file) == ("a" * 64, "b" * 64)
    clip = replace(one, frames=(replace(frame, times=(0, 1)),))
    assert clip.job_id() != one.job_id()
    assert (clip.frames[0].times, clip.least_protocol, one.least_protocol) == ((0.0, 1.0), 8, 1)


@given(st.binary())
def test_arbitrary_bytes_are_messages_or_a_protocol_error(data: bytes) -> None:
    for stream in (data, len(data).to_bytes(4, "big") + data):
        with contextlib.suppress(ProtocolError):
            decode(stream)


@given(messages, values, st.data())
def test_arbitrary_json_is_a_message_or_a_protocol_error(
    message: Message, value: Json, data: st.DataObject
) -> None:
    body = to_json(message)
    body[data.draw(st.sampled_from(sorted(body)))] = value
    for broken in (value, body):
        with contextlib.suppress(ProtocolError):
            from_json(json.loads(json.dumps(broken)))


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":' + b"[" * 400 + b"]" * 400 + b"}",
        b'{"type":' + b"[" * 100_000 + b"}",
        b'{"type":"ping","number":' + b"9" * 10_000 + b"}",
        b'{"type":"log","time":1' + b"0" * 400 + b',"level":"","source":"","text":""}',
        b'{"type":"ping","number":9223372036854775808}',
        b'{"type":"log","time":NaN,"level":"","source":"","text":""}',
        b'{"type":"log","time":-Infinity,"level":"","source":"","text":""}',
        b'{"type":"log","time":1e999,"level":"","source":"","text":""}',
        b'"\xff"',
    ],
    ids=[
        "deep type",
        "deeper",
        "long number",
        "number beyond floats",
        "number beyond a database",
        "no number",
        "no end",
        "beyond floats",
        "no UTF-8",
    ],
)
def test_a_hostile_message_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(len(body).to_bytes(4, "big") + body)


def test_a_length_over_the_limit_is_refused_before_its_bytes_come() -> None:
    with pytest.raises(ProtocolError, match="over"):
        decode((MAX_MESSAGE + 1).to_bytes(4, "big"))


def test_what_a_box_says_may_be_shorter_than_what_it_is_sent() -> None:
    with pytest.raises(ProtocolError, match="over"):
        list(Decoder(MAX_FROM_BOX).feed((MAX_FROM_BOX + 1).to_bytes(4, "big")))


def test_half_a_surrogate_pair_becomes_a_character_that_can_be_kept() -> None:
    (got,) = decode(encode(Delta("j", 1, 0, "half \ud83d pair")))
    assert got == Delta("j", 1, 0, "half \ufffd pair")


def test_a_message_over_the_limit_is_not_sent() -> None:
    with pytest.raises(ProtocolError, match="over"):
        encode(Submit("", ask("").request, ("x" * MAX_MESSAGE,)))


def test_unknown_keys_are_ignored() -> None:
    assert from_json({"type": "ping", "number": 3, "later": ["x"]}) == Ping(3)


def test_a_key_with_a_default_may_be_missing() -> None:
    job = replace(ask("x"), job="")
    body = json.loads(json.dumps(to_json(job)))
    del body["request"]["candidate"]
    assert from_json(body) == job


def test_a_job_of_an_app_that_names_no_queue_is_read() -> None:
    body = json.loads(json.dumps(to_json(job := ask("x"))))
    del body["app"]
    assert from_json(body) == job


@pytest.mark.parametrize("key", ["oldest", "newest", "journal", "after", "runner", "setup"])
def test_a_missing_key_is_named(key: str) -> None:
    body = to_json(Hello(1, 1, "", -1, "", ""))
    del body[key]
    with pytest.raises(ProtocolError, match=rf"Hello\.{key} is missing"):
        from_json(body)


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ("width", "12", "FrameInfo.width is int, not str"),
        ("width", True, "FrameInfo.width is int, not bool"),
        ("time", None, "FrameInfo.time is float, not null"),
        ("sha256", [], "FrameInfo.sha256 is str, not list"),
    ],
)
def test_an_ill_typed_key_is_named(where: str, value: Json, message: str) -> None:
    body = json.loads(json.dumps(to_json(ask("x", [b""]))))
    body["request"]["frames"][0][where] = value
    with pytest.raises(ProtocolError, match=message):
        from_json(body)
