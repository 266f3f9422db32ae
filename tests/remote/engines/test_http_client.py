"""One request over one connection: framings, limits, and who closes when."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from remote.engines import EngineError
from remote.engines.http import BrokenConnection, Client, Server, Silent, Unreachable
from remote.protocol import Json
from tests.remote.engines.openai_stand_in import (
    BOUND,
    END,
    EVENTS,
    Script,
    Visit,
    chunk,
    event,
    head,
    standing_in,
    whole,
)

KEY = "sk-very-secret"


def says(*parts: bytes) -> Script:
    """A stand-in that says this, and hangs up."""

    async def script(visit: Visit) -> None:
        await visit.send(*parts)

    return script


async def body_of(server: Server, silence: float = BOUND) -> tuple[int, bytes]:
    async with Client(server).request("GET", "/x", silence=silence) as response:
        return response.status, await response.read()


async def events_of(server: Server, heard: list[str], pause: float = 0.0) -> None:
    """Fills `heard`, so that what came before an error is there too; the later ones may take 0.2 s."""
    async with Client(server).request("GET", "/x", silence=BOUND) as response:
        async for said in response.events():
            heard.append(said)
            await asyncio.sleep(pause)
            response.allow(0.2)


@pytest.mark.parametrize(
    "said",
    [
        [whole(b"hello")],
        [head() + b"hello"],
        [head(Transfer_Encoding="chunked") + chunk(b"hel") + chunk(b"lo") + END],
        [head(Transfer_Encoding="Chunked") + b"0005;x=y\r\nhello\r\n" + END],
        [b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + whole(b"hello")],
        [b"HTTP/1.0 200\nContent-Length: 5\n\nhello"],
        [bytes([byte]) for byte in whole(b"hello")],
        [bytes([byte]) for byte in head(Transfer_Encoding="chunked") + chunk(b"hello") + END],
    ],
)
async def test_a_body_is_read_however_it_is_framed_and_cut(said: list[bytes]) -> None:
    async with standing_in(says(*said)) as stand_in:
        assert await body_of(stand_in.server) == (200, b"hello")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"", "before its answer was whole"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "before its answer was whole"),
        (head(Content_Length="6") + b"hello", "before its answer was whole"),
        (head(Transfer_Encoding="chunked") + chunk(b"hello"), "before its answer was whole"),
        (head(Transfer_Encoding="chunked") + b"8\r\nhello", "before its answer was whole"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP/1: 'SSH-2.0"),
        (b"HTTP/1.1 2OO OK\r\n\r\n", "does not speak HTTP/1"),
        (b"HTTP/1.1 200 OK\r\nno header\r\n\r\n", "a header that is none"),
        (head(Content_Length="-5"), "a length that is none: '-5'"),
        (head(Content_Length="9" * 99), "a length that is none"),
        (head(Transfer_Encoding="chunked") + b"0x5\r\nhello\r\n", "without a size: '0x5'"),
        (head(Transfer_Encoding="chunked") + b"\r\n", "without a size"),
        (head(Transfer_Encoding="chunked") + b"4\r\nhello\r\n", "longer than it says"),
        (head(Transfer_Encoding="gzip, chunked"), "packs its answer"),
        (head(Content_Encoding="gzip"), "packs its answer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 99, "never comes to its answer"),
        (b"HTTP/1.1 200 " + b"x" * 99_999, "a line of more than 65,536 bytes"),
        (head(X="x" * 99_999), "a line of more than 65,536 bytes"),
        (head(**{f"X{n}": "x" for n in range(999)}), "more than 100 headers"),
        (whole(b"x" * (5 << 20)), "a body of more than 4,194,304 bytes"),
    ],
)
async def test_what_is_broken_off_or_no_http_is_told(said: bytes, told: str) -> None:
    async with standing_in(says(said)) as stand_in:
        with pytest.raises(BrokenConnection) as caught:
            await body_of(stand_in.server)
        assert told in str(caught.value)
        assert stand_in.server.label in str(caught.value)


async def test_a_reset_is_told() -> None:
    async def script(visit: Visit) -> None:
        await visit.send(head(Content_Length="9") + b"hello")
        visit.hang_up()

    async with standing_in(script) as stand_in:
        with pytest.raises(BrokenConnection):
            await body_of(stand_in.server)


async def test_an_event_that_is_too_long_is_refused() -> None:
    async def script(visit: Visit) -> None:
        await visit.send(EVENTS)
        while True:
            await visit.send(chunk(b"data: " + b"x" * 50_000 + b"\n"))

    async with standing_in(script) as stand_in:
        with pytest.raises(BrokenConnection, match="an event is over"):
            await events_of(stand_in.server, [])


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n", head(Content_Length="9") + b"hello"])
async def test_a_server_that_says_no_more_is_left_after_the_limit(said: bytes) -> None:
    async def script(visit: Visit) -> None:
        await visit.send(said)
        await visit.left()

    async with standing_in(script) as stand_in:
        began = time.monotonic()
        with pytest.raises(Silent, match=r"said nothing for 0\.2 s"):
            await body_of(stand_in.server, silence=0.2)
        assert 0.2 <= time.monotonic() - began < BOUND


async def test_a_server_that_says_only_comments_is_left_after_the_limit() -> None:
    async def script(visit: Visit) -> None:
        await visit.send(EVENTS, chunk(event("first")))
        while True:
            await visit.send(chunk(b": ping\n\n"))
            await asyncio.sleep(0.02)

    heard: list[str] = []
    async with standing_in(script) as stand_in:
        with pytest.raises(Silent):
            await events_of(stand_in.server, heard)
    assert heard == ['"first"']


async def test_the_time_that_the_reader_takes_is_not_the_servers() -> None:
    async with standing_in(says(EVENTS, chunk(event(1)), chunk(event(2)), END)) as stand_in:
        heard: list[str] = []
        await events_of(stand_in.server, heard, pause=0.3)
    assert heard == ["1", "2"]


async def test_a_large_request_may_be_refused_before_it_is_read() -> None:
    async with standing_in(says(whole(b"too large", "413 No")), reads_body=False) as stand_in:
        body: Json = {"x": "x" * (8 << 20)}
        async with Client(stand_in.server).request(
            "POST", "/x", silence=BOUND, body=body
        ) as response:
            assert response.status == 413


async def test_a_server_that_does_not_read_a_large_request_is_left_after_the_limit() -> None:
    async def script(visit: Visit) -> None:
        await asyncio.sleep(0.4)
        await visit.left()

    async with standing_in(script, reads_body=False) as stand_in:
        body: Json = {"x": "x" * (8 << 20)}
        with pytest.raises(Silent):
            async with Client(stand_in.server).request("POST", "/x", silence=0.2, body=body):
                pass


async def test_nobody_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unreachable, match=r"cannot connect to .*: Connection refused"):
        await body_of(Server(f"http://127.0.0.1:{port}"))
    with pytest.raises(Unreachable, match=r"/nowhere\.sock: No such file"):
        await body_of(Server("http://h", "/nowhere.sock"))
    with pytest.raises(Unreachable, match="cannot connect"):
        await body_of(Server(f"http://{'x' * 99}.invalid"))


@pytest.fixture
def full_house() -> Iterator[Server]:
    """A server whose queue of connections is full: it neither takes nor refuses another one."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        address = listening.getsockname()
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(address)
            waiting.append(one)
        yield Server(f"http://127.0.0.1:{address[1]}")
        for one in waiting:
            one.close()


async def test_a_connection_that_is_not_taken_is_given_up_after_the_limit(
    full_house: Server,
) -> None:
    with pytest.raises(Unreachable, match=r"did not take a connection in 0\.2 s"):
        async with Client(full_house, connect_limit=0.2).request("GET", "/x", silence=BOUND):
            pass


async def test_connecting_can_be_cancelled(full_house: Server) -> None:
    task = asyncio.create_task(body_of(full_house))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("turns", range(12))
async def test_a_request_cancelled_at_any_moment_ends_at_once_and_leaves_no_connection(
    turns: int,
) -> None:
    async def script(visit: Visit) -> None:
        await visit.send(head(Transfer_Encoding="chunked"))
        await visit.left()

    async with standing_in(script) as stand_in:
        task = asyncio.create_task(body_of(stand_in.server))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.02)  # the stand-in may be about to take the connection


async def test_the_key_is_in_no_error_even_if_the_server_repeats_it() -> None:
    for said in (f"you sent {KEY}\r\n", f"HTTP/1.1 200\r\n{'x' * 40}{KEY}{'x' * 40}\r\n"):
        async with standing_in(says(said.encode()), api_key=KEY) as stand_in:
            with pytest.raises(EngineError) as caught:
                await body_of(stand_in.server)
        assert "sk-" not in str(caught.value)
        assert "[API key]" in str(caught.value)
