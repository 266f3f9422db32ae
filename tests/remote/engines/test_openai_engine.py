"""Requests to a chat server: what it is asked, and its words as they come."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from remote.engines import BadRequest, Completion, Engine, EngineError
from remote.engines.openai import Limits, Model, OpenAIEngine
from tests.remote.engines.openai_asking import (
    MODEL,
    QUICK,
    answer_of,
    engine_of,
    pieces_of,
    request,
)
from tests.remote.engines.openai_stand_in import (
    BOUND,
    DONE,
    END,
    EVENTS,
    Script,
    StandIn,
    Visit,
    chunk,
    delta,
    event,
    head,
    standing_in,
    streamed,
    usage,
    whole,
)

PICTURES = (b"\x89PNG one", b"\x89PNG two")
STORY = [delta(""), delta("A härbour "), delta("暮 🌊"), delta("", "stop"), usage(2480, 3), DONE]
TEXT = "A härbour 暮 🌊"


def says(*parts: bytes) -> Script:
    async def script(visit: Visit) -> None:
        await visit.send(*parts)

    return script


@pytest.mark.parametrize("over", ["tcp", "a unix socket"])
async def test_text_comes_in_pieces_and_then_how_it_ended(over: str, tmp_path: Path) -> None:
    socket = tmp_path / "s" if over == "a unix socket" else None
    async with standing_in(says(streamed(*STORY)), socket=socket) as stand_in:
        engine: Engine = engine_of(stand_in.server)
        assert await pieces_of(engine) == ["A härbour ", "暮 🌊", Completion("stop", 2480, 3)]
    assert (stand_in.visit.method, stand_in.visit.path) == ("POST", "/v1/chat/completions")


async def test_each_piece_is_passed_on_before_the_next_one_is_written() -> None:
    passed_on = asyncio.Semaphore(0)

    async def script(visit: Visit) -> None:
        await visit.send(EVENTS)
        for part in STORY[1:3]:
            await visit.send(chunk(part))
            async with asyncio.timeout(BOUND):
                await passed_on.acquire()
        await visit.send(*map(chunk, STORY[3:]), END)

    async with standing_in(script) as stand_in:
        async for _ in engine_of(stand_in.server).generate(request(), ()):
            passed_on.release()


async def test_an_answer_that_comes_byte_by_byte_is_the_same() -> None:
    said = streamed(*STORY)
    async with standing_in(says(*(bytes([byte]) for byte in said))) as stand_in:
        assert await answer_of(engine_of(stand_in.server)) == (TEXT, Completion("stop", 2480, 3))


async def test_chunks_may_cut_events_and_characters_anywhere() -> None:
    data = b"".join(STORY)
    for size in (1, 2, 3, 7, 64):
        cut = [data[at : at + size] for at in range(0, len(data), size)]
        async with standing_in(says(streamed(*cut))) as stand_in:
            answer = await answer_of(engine_of(stand_in.server))
        assert answer == (TEXT, Completion("stop", 2480, 3))


async def test_the_images_come_before_the_text_and_say_what_they_are() -> None:
    pictures = (*PICTURES, b"RIFF\x08\0\0\0WEBPVP8L", b"\xff\xd8\xff\xe0 four")
    async with standing_in(says(streamed(*STORY))) as stand_in:
        asked = request("a dock", pictures, system="Be concrete.", max_tokens=20, seed=3)
        await answer_of(engine_of(stand_in.server), asked, pictures)
    urls = [
        f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
        for kind, data in zip(("png", "png", "webp", "jpeg"), pictures, strict=True)
    ]
    assert stand_in.visit.json == {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": "Be concrete."},
            {
                "role": "user",
                "content": [
                    *({"type": "image_url", "image_url": {"url": url}} for url in urls),
                    {"type": "text", "text": "a dock"},
                ],
            },
        ],
        "temperature": 0.6,
        "max_tokens": 20,
        "seed": 3,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_a_schema_and_the_sampling_that_a_profile_names_are_asked_for() -> None:
    asked = request("a dock")
    sampling = replace(asked.sampling, top_p=0.8, top_k=20, min_p=0, presence_penalty=1.5)
    schema = {"type": "object", "required": ["scene"]}
    asked = replace(asked, sampling=sampling, schema=json.dumps(schema))
    async with standing_in(says(streamed(*STORY))) as stand_in:
        await answer_of(engine_of(stand_in.server), asked)
    body = stand_in.visit.json
    assert (body["top_p"], body["top_k"], body["min_p"], body["presence_penalty"]) == (
        0.8,
        20,
        0,
        1.5,
    )
    assert "repetition_penalty" not in body
    wanted = {"name": "answer", "schema": schema}
    assert body["response_format"] == {"type": "json_schema", "json_schema": wanted}


async def test_a_server_that_refuses_one_schema_is_asked_with_another_one() -> None:
    async def script(visit: Visit) -> None:
        refused = b'{"error": {"message": "the grammar has no patternProperties"}}'
        takes = "patternProperties" not in json.dumps(visit.json)
        await visit.send(streamed(*STORY) if takes else whole(refused, "400 Bad Request"))

    odd, plain = '{"type": "object", "patternProperties": {}}', '{"type": "object"}'
    async with standing_in(script) as stand_in:
        engine = engine_of(stand_in.server)
        for schema in (odd, odd, plain):
            assert (await answer_of(engine, replace(request("a dock"), schema=schema)))[0] == TEXT
    asked = ["response_format" in visit.json for visit in stand_in.visits]
    assert asked == [True, False, False, True]


async def test_a_server_that_takes_no_schema_is_asked_without_it_from_then_on() -> None:
    async def script(visit: Visit) -> None:
        refused = b'{"error": {"message": "Unknown parameter: response_format"}}'
        takes = "response_format" not in visit.json
        await visit.send(streamed(*STORY) if takes else whole(refused, "400 Bad Request"))

    asked = replace(request("a dock"), schema='{"type": "object"}')
    async with standing_in(script) as stand_in:
        engine = engine_of(stand_in.server)
        for _ in range(2):
            assert (await answer_of(engine, asked))[0] == TEXT
    assert ["response_format" in visit.json for visit in stand_in.visits] == [True, False, False]


async def test_without_system_prompt_and_images_there_is_the_text_alone() -> None:
    async with standing_in(says(streamed(*STORY))) as stand_in:
        await answer_of(engine_of(stand_in.server))
    assert stand_in.visit.json["messages"] == [{"role": "user", "content": "a harbour at dusk"}]


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/llm/v1"])
async def test_a_base_url_may_end_in_v1_or_not(path: str) -> None:
    async with standing_in(says(streamed(*STORY)), path=path) as stand_in:
        await answer_of(engine_of(stand_in.server))
    prefix = "/llm" if "llm" in path else ""
    assert stand_in.visit.path == f"{prefix}/v1/chat/completions"


@pytest.mark.parametrize("key", ["sk-secret", ""])
async def test_the_key_is_sent_when_there_is_one(key: str) -> None:
    async with standing_in(says(streamed(*STORY)), api_key=key) as stand_in:
        await answer_of(engine_of(stand_in.server))
    assert stand_in.visit.headers.get("authorization") == (f"Bearer {key}" if key else None)


@pytest.mark.parametrize(
    ("said", "end"),
    [
        ([delta("x"), delta(None, "stop"), DONE], Completion("stop")),
        ([delta("x", "length"), usage(9, 1), DONE], Completion("length", 9, 1)),
        ([delta("x", "length"), usage(9, 1)], Completion("length", 9, 1)),
        ([delta("x", "stop"), event({"choices": [], "usage": None}), DONE], Completion("stop")),
        ([delta("x", "stop"), event({"usage": {"prompt_tokens": "9"}})], Completion("stop")),
        ([b": ping\n\n", b"data:\n\n", delta("x", "stop"), DONE], Completion("stop")),
        ([usage(9, 0), delta("x"), usage(9, 1), delta("", "stop")], Completion("stop", 9, 1)),
    ],
)
async def test_servers_differ_in_what_comes_at_the_end(said: list[bytes], end: Completion) -> None:
    async with standing_in(says(streamed(*said))) as stand_in:
        assert await answer_of(engine_of(stand_in.server)) == ("x", end)


async def test_an_answer_may_come_whole_though_a_stream_was_asked_for() -> None:
    said = (
        b'{"choices": [{"message": {"role": "assistant", "content": "A dock."},'
        b' "finish_reason": "stop"}], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}'
    )
    async with standing_in(says(whole(said))) as stand_in:
        assert await pieces_of(engine_of(stand_in.server)) == [
            "A dock.",
            Completion("stop", 9, 3),
        ]


def said(ending: str | None = None, **fields: object) -> bytes:
    """A chunk whose delta has these fields."""
    return event({"choices": [{"index": 0, "delta": fields, "finish_reason": ending}]})


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
@pytest.mark.parametrize("together", [True, False])
async def test_thoughts_are_no_part_of_the_answer(field: str, together: bool) -> None:
    thoughts = {field: "The user wants rain. "}
    begun = [said(**thoughts)] * 2 + [said(content=None, **thoughts)]
    answer = [said(content="Rain falls.", **(thoughts if together else {})), said("stop")]
    async with standing_in(says(streamed(*begun, *answer, usage(90, 60), DONE))) as stand_in:
        told = await answer_of(engine_of(stand_in.server))
    assert told == ("Rain falls.", Completion("stop", 90, 60))


async def test_a_content_of_parts_is_their_text() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    parts = [thought, {"type": "text", "text": "Rain "}, {"type": "text", "text": "falls."}, 7]
    message = {"message": {"content": parts}, "finish_reason": "stop"}
    for answer in (
        streamed(said(content=parts[:2]), said(content=parts[2:]), said("stop"), DONE),
        whole(json.dumps({"choices": [message]}).encode()),
    ):
        async with standing_in(says(answer)) as stand_in:
            assert await answer_of(engine_of(stand_in.server)) == (
                "Rain falls.",
                Completion("stop"),
            )


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ([said("length"), usage(90, 300)], "still thinking when its 300 tokens were used up"),
        ([said("length")], "still thinking when its 300 tokens were used up"),
        ([said("stop"), usage(90, 60)], "as thoughts, and none of it as an answer"),
        ([said("stop", content=[{"type": "thinking", "thinking": "Hm."}])], "as thoughts"),
    ],
)
async def test_thoughts_without_an_answer_are_told_as_that(end: list[bytes], told: str) -> None:
    """Another attempt has the same seed and the same room, so there is none."""
    script = says(streamed(said(reasoning="The user wants"), *end, DONE))
    async with standing_in(script) as stand_in:
        engine = engine_of(stand_in.server)
        with pytest.raises(BadRequest, match=told):
            await pieces_of(engine)
        await engine.probe()  # which asks for one token and is content with a thought


async def test_nothing_is_waited_for_after_the_last_event() -> None:
    async def script(visit: Visit) -> None:
        await visit.send(EVENTS, *map(chunk, STORY))
        await visit.left()

    async with standing_in(script) as stand_in:
        await answer_of(engine_of(stand_in.server))


@contextlib.asynccontextmanager
async def writing_for_ever(*before: bytes) -> AsyncIterator[StandIn]:
    """A server that says this, says no more, and fails the test when it is not left then."""

    async def script(visit: Visit) -> None:
        await visit.send(*before)
        await visit.left()

    async with standing_in(script) as stand_in:
        yield stand_in


BEGUN = (EVENTS, chunk(delta("one ")))


@pytest.mark.parametrize("before", [(), (EVENTS,), BEGUN], ids=["silent", "accepted", "begun"])
async def test_cancelling_closes_the_connection(before: tuple[bytes, ...]) -> None:
    heard = asyncio.Event()

    async def ask(engine: OpenAIEngine) -> None:
        async for _ in engine.generate(request(), ()):
            heard.set()

    async with writing_for_ever(*before) as stand_in:
        task = asyncio.create_task(ask(engine_of(stand_in.server)))
        await (heard if before == BEGUN else stand_in.visited).wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_reading_no_further_closes_the_connection() -> None:
    async with writing_for_ever(*BEGUN) as stand_in:
        generation = engine_of(stand_in.server).generate(request(), ())
        assert isinstance(generation, AsyncGenerator)
        async with contextlib.aclosing(generation) as pieces:
            assert await anext(pieces) == "one "


async def test_before_the_first_text_the_server_may_take_longer_than_between_pieces() -> None:
    async def script(visit: Visit) -> None:
        await visit.send(EVENTS, chunk(delta("")))
        await asyncio.sleep(0.3)
        await visit.send(chunk(delta("x", "stop") + DONE))

    async with standing_in(script) as stand_in:
        engine = engine_of(stand_in.server, Limits(first=BOUND, between=0.1))
        assert await answer_of(engine) == ("x", Completion("stop"))


async def test_frames_without_their_pictures_are_a_bad_request() -> None:
    async with standing_in(says()) as stand_in:
        with pytest.raises(BadRequest, match="2 frames are named, 1 pictures came"):
            await pieces_of(engine_of(stand_in.server), request(images=PICTURES), PICTURES[:1])
        with pytest.raises(BadRequest, match="empty"):
            await pieces_of(engine_of(stand_in.server), request(prompt=" "))
    assert stand_in.visits == []


async def test_the_name_says_the_version_when_the_server_does() -> None:
    last = usage(1, 1, system_fingerprint="vllm-0.32.0-8d391f4e")
    async with standing_in(says(streamed(delta("x", "stop"), last, DONE))) as stand_in:
        engine = engine_of(stand_in.server)
        assert engine.name == f"openai 127.0.0.1:{stand_in.server.port}"
        await engine.probe()
        assert engine.name == "openai vllm-0.32.0-8d391f4e"
    assert (engine.notice, engine.slots) == ("", 4)


async def test_a_probe_asks_for_one_token() -> None:
    async with standing_in(says(streamed(delta("x", "length"), DONE))) as stand_in:
        await engine_of(stand_in.server).probe()
    assert stand_in.visit.json["max_tokens"] == 1


@pytest.mark.parametrize(
    ("said", "healthy"), [(whole(b""), True), (whole(b"", "503 Loading"), False), (b"", False)]
)
async def test_health_is_what_the_server_says(said: bytes, healthy: bool) -> None:
    async with standing_in(says(said), path="/v1") as stand_in:
        assert await engine_of(stand_in.server).is_healthy() is healthy
    assert (stand_in.visit.method, stand_in.visit.path) == ("GET", "/health")


async def test_a_server_that_hangs_or_is_not_there_is_not_healthy() -> None:
    async with writing_for_ever(head(Content_Length="x")[:-3]) as stand_in:
        engine = engine_of(stand_in.server, QUICK)
        assert not await engine.is_healthy()
    assert not await engine.is_healthy()


LISTED = b'{"data": [{"id": "a-model", "max_model_len": 4096}, {"id": "llava:latest"}, {}]}'


async def test_the_models_are_listed_with_their_context_where_it_is_told() -> None:
    async with standing_in(says(whole(LISTED))) as stand_in:
        engine = engine_of(stand_in.server)
        models = (Model(MODEL, 4096), Model("llava:latest", None))
        assert await engine.models() == models
        assert await engine.server_model() == models[0]
        assert await OpenAIEngine(stand_in.server, "llava", 1).server_model() == models[1]


LLAMA = b"""{"data": [{"id": "smollm2", "aliases": ["small", 7], "meta": {"n_ctx": 1024}}]}"""


async def test_a_model_of_llama_cpp_has_its_context_and_all_its_names() -> None:
    async with standing_in(says(whole(LLAMA))) as stand_in:
        (model,) = await engine_of(stand_in.server).models()
        assert model == Model("smollm2", 1024, ("small",))
        assert await OpenAIEngine(stand_in.server, "small", 1).server_model() == model


def answers_as(name: str, listed: bytes) -> Script:
    async def script(visit: Visit) -> None:
        choice = {"delta": {"content": "A harbour"}, "finish_reason": "stop"}
        said = event({"model": name, "choices": [choice]})
        await visit.send(whole(listed) if visit.method == "GET" else streamed(said, DONE))

    return script


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        (MODEL, b"{}"),
        ("llava:latest", LISTED),  # the server lists ours, and answers under another of its names
        ("gpt-4o-2024-08-06", LLAMA),  # a name that it does not list may be anybody's
        ("smollm2", b"{}"),
    ],
)
async def test_an_answer_may_name_its_model_otherwise(name: str, listed: bytes) -> None:
    async with standing_in(answers_as(name, listed)) as stand_in:
        assert (await answer_of(engine_of(stand_in.server)))[0] == "A harbour"


async def test_another_model_of_the_server_does_not_answer_for_ours() -> None:
    async with standing_in(answers_as("smollm2", LLAMA)) as stand_in:
        with pytest.raises(EngineError, match=f"has no model '{MODEL}'; it has: smollm2"):
            await answer_of(engine_of(stand_in.server))
