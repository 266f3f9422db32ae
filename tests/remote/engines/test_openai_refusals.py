"""When a chat server does not answer: is it the request, the server, or the way there?"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from remote.engines import BadRequest, Completion, EngineAway, EngineError, EngineGone
from remote.engines.http import Server, Silent
from remote.engines.openai import Limits
from tests.remote.engines.openai_asking import QUICK, answer_of, engine_of, pieces_of
from tests.remote.engines.openai_stand_in import (
    BOUND,
    DONE,
    EVENTS,
    Script,
    Visit,
    chunk,
    delta,
    event,
    head,
    standing_in,
    streamed,
    whole,
)
from tests.support.certificates import Authority

KEY = "sk-very-secret"
TOO_LONG = (
    "This model's maximum context length is 4096 tokens. However, your prompt contains 4699 tokens."
)
TOO_LONG_IN_A_STREAM = "Prompt length of 4699 is longer than the maximum model length of 4096."


def old_error(message: str) -> dict[str, object]:
    """As vLLM up to 0.9.2 writes it."""
    return {"object": "error", "message": message, "type": "BadRequestError", "code": 400}


def new_error(message: str) -> dict[str, object]:
    """As vLLM from 0.10.2 writes it."""
    return {"error": {"message": message, "type": "BadRequestError", "param": None, "code": 400}}


Shape = Callable[[str], dict[str, object]]


def says(*parts: bytes) -> Script:
    async def script(visit: Visit) -> None:
        await visit.send(*parts)

    return script


def refuses(status: int, body: bytes | dict[str, object], kind: str = "application/json") -> Script:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return says(whole(data, f"{status} No", kind))


async def failure(
    script: Script, api_key: str = "", limits: Limits | None = None
) -> BadRequest | EngineError:
    """What the engine raises when the server follows this script."""
    async with standing_in(script, api_key=api_key) as stand_in:
        with pytest.raises((BadRequest, EngineError)) as caught:
            await pieces_of(engine_of(stand_in.server, limits))
    assert isinstance(caught.value, BadRequest | EngineError)
    return caught.value


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("shape", [old_error, new_error])
async def test_a_request_that_is_refused_is_told_in_the_servers_words(
    status: int, shape: Shape
) -> None:
    error = await failure(refuses(status, shape(TOO_LONG)))
    assert isinstance(error, BadRequest)
    assert str(error) == TOO_LONG


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"detail": "Not like this"}', "Not like this"),
        (b'{"error": "Not like this"}', "Not like this"),
        (b'{"error": {"code": 1}}', '{"code": 1}'),
        (b"<h1>Not\n like &quot;this&quot;</h1>", 'Not like "this"'),
        (b"<html><head><style>b{}</style><title>Bad\n Request</title></head>text", "Bad Request"),
        (b"<?xml version='1.0'?><Error><Code>No</Code></Error>", "No"),
        (b"<!DOCTYPE html><p class='a'>No " + b"<" * 60_000, "No"),
        (b"<html><title></title></html>", "the model server"),
        (b"a < b", "a < b"),
        (b'{"detail": [{"msg": "no"}]}', '{"detail": [{"msg": "no"}]}'),
        (b'{"error": {"message": "' + b"x" * 5000 + b'"}}', "x" * 1000),
        (b"x" * 200_000, "x" * 1000),
        (b"[" * 50_000, "[" * 1000),
    ],
)
async def test_the_words_are_found_in_any_body_and_kept_short(body: bytes, words: str) -> None:
    told = str(await failure(refuses(400, body)))
    assert told == words or words == "the model server" in told


def nginx(title: str) -> bytes:
    """An error page of nginx."""
    heading = f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx/1.24.0</center>"
    page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n{heading}\r\n</body></html>"
    return page.encode()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (nginx("413 Request Entity Too Large"), ""),
        (b"", ""),
        (json.dumps(new_error("Over 1048576 bytes")).encode(), ": Over 1048576 bytes"),
    ],
)
async def test_a_request_that_is_too_large_for_the_way_is_told_as_that(
    body: bytes, said: str
) -> None:
    error = await failure(refuses(413, body))
    assert isinstance(error, BadRequest)
    assert str(error).endswith(f"takes no request as large as this one (413){said}")


@pytest.mark.parametrize(
    ("title", "told"),
    [
        ("502 Bad Gateway", "a proxy gets no answer of {server} (502 Bad Gateway)"),
        ("504 Gateway Time-out", "a proxy waited too long for {server} (504 Gateway Time-out)"),
        ("503 Service Temporarily Unavailable", "{server} answered 503: Service Temporarily"),
        ("429 Too Many Requests", "{server} answered 429: Too Many Requests"),
    ],
)
async def test_the_page_of_a_proxy_is_an_outage_in_plain_words(title: str, told: str) -> None:
    error = await failure(refuses(int(title[:3]), nginx(title), "text/html"))
    assert isinstance(error, EngineAway)
    assert told.format(server="the model server at http://127.0.0.1:") in re.sub(
        r"(127\.0\.0\.1:)\d+", r"\1", str(error)
    )
    assert "<" not in str(error)


async def test_a_refusal_whose_body_breaks_off_is_one_all_the_same() -> None:
    error = await failure(says(head("400 No", Content_Length="99") + b"not like"))
    assert isinstance(error, BadRequest)
    assert str(error) == "not like"


@pytest.mark.parametrize("shape", [old_error, new_error])
@pytest.mark.parametrize("begun", [[], [delta("A harbour")]])
async def test_an_error_in_a_stream_is_one_though_the_stream_ends_well(
    shape: Shape, begun: list[bytes]
) -> None:
    dead = "EngineCore encountered an issue."
    said = [*begun, event(shape(dead)), delta("", "stop"), DONE]
    error = await failure(says(streamed(*said)))
    assert isinstance(error, EngineError)
    assert str(error).endswith(f"broke off: {dead}")


@pytest.mark.parametrize("shape", [old_error, new_error])
async def test_too_long_is_the_requests_fault_in_a_stream_too(
    shape: Shape,
) -> None:
    error = await failure(says(streamed(event(shape(TOO_LONG_IN_A_STREAM)), DONE)))
    assert isinstance(error, BadRequest)
    assert str(error) == TOO_LONG_IN_A_STREAM


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (403, "wants an API key, and none is set (403): no"),
        (404, "has no model 'a-model', or no /v1/chat/completions: no"),
        (307, "points elsewhere (307)"),
        (500, "answered 500: no"),
    ],
)
async def test_what_is_not_the_requests_fault_may_be_tried_again(status: int, told: str) -> None:
    error = await failure(refuses(status, new_error("no")))
    assert isinstance(error, EngineError)
    assert not isinstance(error, EngineAway)
    assert told in str(error)
    assert "http://127.0.0.1:" in str(error)


async def test_a_key_that_a_proxy_without_a_database_does_not_know_is_refused() -> None:
    """LiteLLM's proxy looks up every key but its own in a database."""
    error = await failure(refuses(400, new_error("No connected db.")))
    assert isinstance(error, EngineAway)
    assert error.for_good
    assert "wants an API key, and none is set (400): No connected db." in str(error)


async def test_pictures_that_the_model_cannot_see_are_the_requests_fault() -> None:
    said = "image input is not supported - hint: you may need to provide the mmproj"
    error = await failure(refuses(500, new_error(said)))
    assert isinstance(error, BadRequest)
    assert str(error) == said


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (429, "no"),
        (502, "no"),
        (503, "Loading model"),
        (504, "no"),
        (500, "The model is still loading"),
        (500, "overloaded, try later"),
        # LiteLLM's proxy, when it cannot connect to the server behind it.
        (
            500,
            "litellm.InternalServerError: InternalServerError: OpenAIException - Connection error.",
        ),
    ],
)
async def test_a_server_that_loads_or_has_too_much_to_do_is_away(status: int, words: str) -> None:
    error = await failure(refuses(status, new_error(words)))
    assert isinstance(error, EngineAway)
    assert not error.died
    assert f"answered {status}: {words}" in str(error)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        # Started anew, it has no routes until its controller has told it of them.
        (404, "Path '{path}' not found. Ping http://.../-/routes for available routes."),
        (
            503,
            "Request dropped due to backpressure (num_queued_requests=1, max_queued_requests=1).",
        ),
        (
            503,
            "Deployment(name='StandIn', app='model') is unavailable because it failed to deploy.",
        ),
    ],
)
async def test_ray_serve_without_a_replica_is_away_and_gets_no_pictures(
    status: int, words: str
) -> None:
    async def script(visit: Visit) -> None:
        said = words.format(path=visit.path).encode()
        await visit.send(whole(said, f"{status} No", "text/plain; charset=utf-8"))

    async with standing_in(script) as stand_in:
        engine = engine_of(stand_in.server)
        for _ in range(2):
            with pytest.raises(EngineAway, match=r"answered 503|has no .*it is starting"):
                await pieces_of(engine)
    assert [visit.method for visit in stand_in.visits] == ["POST", "GET"]


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Wed, 21 Oct 2115 07:28:00 GMT", 1e9, 1e10),
        ("Wed, 21 Oct 2115 07:28:00", 1e9, 1e10),
        ("9" * 300, 1e8, 1e10),
    ],
)
async def test_the_pause_that_a_server_asks_for_is_kept(
    header: str, least: float, most: float
) -> None:
    error = await failure(says(head("429 No", Retry_After=header, Content_Length="0")))
    assert isinstance(error, EngineAway)
    assert error.retry_after is not None
    assert least <= error.retry_after <= most


@pytest.mark.parametrize("header", ["", "soon", "-1", "1.5"])
async def test_a_pause_that_cannot_be_read_is_none(header: str) -> None:
    error = await failure(says(head("429 No", Retry_After=header, Content_Length="0")))
    assert isinstance(error, EngineAway)
    assert error.retry_after is None


@pytest.mark.parametrize("status", [400, 401, 404, 500])
async def test_the_key_is_in_no_error_and_no_log(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = "x" * 990 + f"{KEY} is not valid"
    errors = [
        await failure(refuses(status, new_error(said)), KEY),
        await failure(refuses(status, said.encode()), KEY),
        await failure(says(streamed(event(new_error(said)))), KEY),
    ]
    assert not any("sk-" in str(error) for error in errors)
    assert "sk-" not in caplog.text


async def test_a_key_that_is_refused_is_told_so() -> None:
    error = await failure(refuses(401, b'{"error": "Unauthorized"}'), KEY)
    assert "refuses the API key (401): Unauthorized" in str(error)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (streamed(delta("x")), "ended its answer early"),
        (streamed(delta("x"), DONE), "ended its answer early"),
        (streamed(DONE), "ended its answer early"),
        (streamed(delta("x", "error"), DONE), "gave up the answer ('error')"),
        (streamed(b"data: {\n\n"), "not JSON"),
        (streamed(b"data: 7\n\n"), "not an object"),
        (whole(b"<html>", kind="text/html"), "not JSON; is base_url right?"),
        (whole(b"{}"), "ended its answer early"),
        (whole(b'{"choices": [7], "usage": 7}'), "ended its answer early"),
        (EVENTS + chunk(delta("x", "stop")), "before its answer was whole"),
    ],
)
async def test_an_answer_that_is_not_whole_is_none(said: bytes, told: str) -> None:
    error = await failure(says(said))
    assert isinstance(error, EngineError)
    assert told in str(error)


async def test_a_server_that_aborts_an_answer_is_away_and_asked_again_when_it_has_ended() -> None:
    """A vLLM does so when it is told to end, and may answer other questions until it has."""
    away = await failure(says(streamed(delta("x", "abort"), DONE)))
    assert isinstance(away, EngineAway)
    assert (away.died, away.for_good, away.retry_after) == (True, False, 15.0)


@pytest.mark.parametrize(
    "before", [b"", EVENTS, EVENTS + chunk(delta("x"))], ids=["silent", "accepted", "begun"]
)
async def test_a_request_at_which_the_server_hangs_is_noticed(before: bytes) -> None:
    async def script(visit: Visit) -> None:
        if visit.method == "GET":
            await visit.send(whole(b"{}"))
            return
        await visit.send(before)
        await visit.left()

    began = time.monotonic()
    assert isinstance(await failure(script, limits=QUICK), Silent)
    assert time.monotonic() - began < BOUND


async def test_a_server_that_answers_nothing_at_all_is_away() -> None:
    async def script(visit: Visit) -> None:
        await visit.left()

    error = await failure(script, limits=QUICK)
    assert isinstance(error, EngineAway)
    assert error.died


@pytest.mark.parametrize("others", [whole(b"{}"), whole(b"", "404 No"), whole(b"", "500 No")])
async def test_an_answer_that_breaks_off_alone_is_a_replica_that_has_gone(others: bytes) -> None:
    """Ray Serve breaks the connection off when the replica dies behind it, and goes on with the others."""

    async def script(visit: Visit) -> None:
        if visit.method == "GET":
            await visit.send(others)
            return
        await visit.send(EVENTS, chunk(delta("x")))
        visit.hang_up()

    error = await failure(script)
    assert isinstance(error, EngineGone)
    assert "before its answer was whole" in str(error)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"Internal Server Error",
        b"The actor died unexpectedly before finishing this task.\n\tclass_name: ServeReplica:a\n",
        b"ray.exceptions.ActorUnavailableError: The actor 1f is unavailable: the connection was reset.",
    ],
)
async def test_a_500_that_says_nothing_of_the_request_is_a_replica_that_broke_down(
    said: bytes,
) -> None:
    """Ray Serve answers like this when the replica dies before its answer has begun."""
    error = await failure(refuses(500, said, "text/plain"))
    assert isinstance(error, EngineGone)
    assert "answered 500" in str(error)


async def hang_up(visit: Visit) -> None:
    visit.hang_up()


async def is_unhealthy(visit: Visit) -> None:
    await visit.send(whole(b"{}", "503 No" if visit.path == "/health" else "200 OK"))


@pytest.mark.parametrize("then", [hang_up, is_unhealthy, refuses(502, b"")])
async def test_a_server_that_is_gone_right_after_an_answer_broke_off_is_away(then: Script) -> None:
    async def script(visit: Visit) -> None:
        if visit.method == "GET":
            await then(visit)
            return
        await visit.send(EVENTS, chunk(delta("x")))
        visit.hang_up()

    error = await failure(script)
    assert isinstance(error, EngineAway)
    assert error.died


async def test_a_connection_that_is_refused_or_ends_before_the_answer_is_a_server_that_is_away() -> (
    None
):
    async with standing_in(hang_up) as stand_in:
        engine = engine_of(stand_in.server)
        with pytest.raises(EngineAway) as reset:
            await pieces_of(engine)
    with pytest.raises(EngineAway) as refused:
        await pieces_of(engine)
    assert (reset.value.died, refused.value.died) == (True, False)


async def test_a_name_without_an_address_is_a_server_that_is_away() -> None:
    with pytest.raises(EngineAway, match="cannot connect"):
        await pieces_of(engine_of(Server("http://no-such-host.invalid:1")))


async def test_a_server_that_was_away_is_asked_for_its_models_before_it_gets_a_request() -> None:
    is_there = False

    async def script(visit: Visit) -> None:
        if not is_there:
            visit.hang_up()
        elif visit.method == "GET":
            await visit.send(whole(b"{}"))
        else:
            await visit.send(streamed(delta("x", "stop"), DONE))

    async with standing_in(script) as stand_in:
        engine = engine_of(stand_in.server)
        for died in (True, False):
            with pytest.raises(EngineAway) as away:
                await pieces_of(engine)
            assert away.value.died is died
        is_there = True
        for _ in range(2):
            await answer_of(engine)
    asked = [visit.method for visit in stand_in.visits]
    assert asked == ["POST", "GET", "GET", "POST", "POST"]


async def test_a_list_of_models_that_is_refused_is_no_bad_request() -> None:
    for script in (refuses(400, new_error("no")), refuses(404, b"no"), says(whole(b"[]"))):
        async with standing_in(script) as stand_in:
            with pytest.raises(EngineError):
                await engine_of(stand_in.server).models()


async def test_a_model_that_the_server_has_not_is_told_with_those_it_has() -> None:
    async with standing_in(says(whole(b'{"data": [{"id": "one"}, {"id": "two"}]}'))) as stand_in:
        with pytest.raises(EngineError, match="has no model 'a-model'; it has: one, two"):
            await engine_of(stand_in.server).server_model()


@pytest.mark.parametrize("trusted", [True, False])
async def test_over_https_the_key_goes_only_to_a_server_that_is_trusted(
    tmp_path: Path, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    said = streamed(delta("x", "stop"), DONE)
    async with standing_in(says(said), tls=authority.serving(), api_key=KEY) as stand_in:
        engine = engine_of(stand_in.server)
        if trusted:
            assert await answer_of(engine) == ("x", Completion("stop"))
            return
        with pytest.raises(EngineAway, match="certificate") as away:
            await pieces_of(engine)
    assert away.value.for_good
    assert stand_in.visits == []
