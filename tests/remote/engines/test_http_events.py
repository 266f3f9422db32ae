"""Server-sent events are read alike, however the bytes arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote.engines.http import EventDecoder, EventTooLong
from remote.engines.http.events import MOST_EVENT

newlines = st.sampled_from([b"\n", b"\r\n", b"\r"])
lines = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=12)
events = st.lists(lines, min_size=1, max_size=3).map("\n".join)


def decode(*parts: bytes) -> list[str]:
    decoder = EventDecoder()
    return [event for part in parts for event in decoder.feed(part)]


def written(events: list[str], newline: bytes) -> bytes:
    """A stream with these events, and comments and other fields around them."""
    stream = b": hello" + newline
    for number, event in enumerate(events):
        stream += b"id: %d" % number + newline + b"event: message" + newline
        for line in event.split("\n"):
            stream += b"data: " + line.encode() + newline
        stream += newline + b":" + newline + newline
    return stream


@given(st.lists(events, max_size=4), newlines, st.data())
def test_events_are_the_same_wherever_the_stream_is_cut(
    sent: list[str], newline: bytes, data: st.DataObject
) -> None:
    stream = written(sent, newline)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    parts = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert decode(*parts) == sent


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_events_are_the_same_byte_by_byte_and_in_two_halves(newline: bytes) -> None:
    sent = ["é", "first\n\nthird", "暮れの港 🌊", " leading"]
    stream = written(sent, newline)
    assert decode(*(bytes([byte]) for byte in stream)) == sent
    for cut in range(len(stream)):
        assert decode(stream[:cut], stream[cut:]) == sent


@given(st.lists(st.binary(max_size=30)))
def test_arbitrary_bytes_are_passed_over_or_are_events(parts: list[bytes]) -> None:
    assert decode(*parts) == decode(b"".join(parts))


def test_the_space_after_the_colon_may_be_missing_and_a_byte_order_mark_may_come_first() -> None:
    assert decode(b"\xef\xbb\xbfdata:x\n\ndata:  y\n\ndata\n\n") == ["x", " y", ""]


def test_an_event_that_no_blank_line_ended_is_none() -> None:
    assert decode(b"data: whole\n\ndata: cut\n") == ["whole"]


@pytest.mark.parametrize(
    "line",
    [b"data: " + b"x" * 999 + b"\n", b": " + b"x" * 999, b"x" * 999],
    ids=["lines", "a comment", "a line"],
)
def test_an_event_that_never_ends_is_refused(line: bytes) -> None:
    with pytest.raises(EventTooLong):
        decode(*[line] * (MOST_EVENT // 999 + 2))


def test_many_events_are_not_too_long_together() -> None:
    line = b"data: " + b"x" * 999 + b"\n\n"
    assert len(decode(*[line] * (MOST_EVENT // len(line) + 2))) > MOST_EVENT // 1100
