"""The length of the context is read where the server tells it, and holds while the server is away."""

from __future__ import annotations

import json

import pytest

from remote.engines.openai import OpenAIEngine
from remote.protocol import Json
from tests.remote.engines.openai_asking import MODEL
from tests.remote.engines.openai_stand_in import Script, Visit, standing_in, whole

VLLM: Json = {"id": MODEL, "max_model_len": 8192}
LLAMA: Json = {"id": MODEL, "meta": {"n_ctx": 1024, "n_ctx_train": 8192}}
OLDER_LLAMA: Json = {"id": MODEL, "meta": {"n_ctx_train": 8192}}
PROPS: Json = {"default_generation_settings": {"n_ctx": 2048}}


def listing(entry: Json, props: Json = None) -> Script:
    """A server that has one model, and perhaps llama.cpp's page of properties."""

    async def script(visit: Visit) -> None:
        if visit.path == "/v1/models":
            await visit.send(whole(json.dumps({"data": [entry]}).encode()))
        elif visit.path == "/props" and props is not None:
            await visit.send(whole(json.dumps(props).encode()))
        else:
            await visit.send(whole(b"{}", "404 Not Found"))

    return script


@pytest.mark.parametrize(
    ("entry", "props", "context"),
    [
        (VLLM, None, 8192),
        (LLAMA, PROPS, 1024),
        (OLDER_LLAMA, PROPS, 2048),
        (OLDER_LLAMA, "no object", 0),
        ({"id": MODEL, "max_model_len": -1}, {"default_generation_settings": {"n_ctx": 1e9}}, 0),
        ({"id": MODEL}, None, 0),
        ({"id": "another", "max_model_len": 8192}, PROPS, 0),
    ],
)
async def test_the_context_is_read_where_the_server_tells_it(
    entry: Json, props: Json, context: int
) -> None:
    async with standing_in(listing(entry, props)) as stand_in:
        assert await OpenAIEngine(stand_in.server, MODEL, 1).context() == context


async def test_the_context_holds_while_the_server_is_away_and_follows_one_with_another() -> None:
    scripts = [listing(VLLM)]

    async def script(visit: Visit) -> None:
        await scripts[-1](visit)

    async def loading(visit: Visit) -> None:
        await visit.send(whole(b"{}", "503 Loading"))

    async with standing_in(script) as stand_in:
        engine = OpenAIEngine(stand_in.server, MODEL, 1)
        scripts.append(loading)
        assert await engine.context() == 0
        scripts.append(listing(VLLM))
        assert await engine.context() == 8192
        scripts.append(loading)
        assert await engine.context() == 8192
        scripts.append(listing(LLAMA))
        assert await engine.context() == 1024
    assert await engine.context() == 1024
