"""A message's tokens are those that the server counts, with its own chat template around them."""

from __future__ import annotations

import json

import pytest

from remote.engines.openai import OpenAIEngine
from remote.engines.sketch import SketchEngine
from remote.protocol import Json
from tests.remote.engines.openai_asking import MODEL
from tests.remote.engines.openai_stand_in import Script, Visit, standing_in, whole

SYSTEM, PROMPT = "Write it anew.", "a harbour at dusk"
MESSAGES: Json = [
    {"role": "system", "content": SYSTEM},
    {"role": "user", "content": PROMPT},
]


def answering(*pages: tuple[str, Json, Json]) -> Script:
    """A server with these pages: each with the only body that it answers, and the answer."""

    async def script(visit: Visit) -> None:
        for path, body, answer in pages:
            if (visit.path, visit.json) == (path, body):
                await visit.send(whole(json.dumps(answer).encode()))
                return
        await visit.send(whole(b'{"error": "unknown"}', "404 Not Found"))

    return script


WHOLE: Json = {"model": MODEL, "messages": MESSAGES}
FILLED: Json = {"content": "<s>filled", "add_special": True, "parse_special": True}
TEMPLATE = ("/apply-template", {"messages": MESSAGES}, {"prompt": "<s>filled"})


@pytest.mark.parametrize(
    ("pages", "tokens"),
    [
        ([("/tokenize", WHOLE, {"count": 27, "max_model_len": 4096, "tokens": [1] * 27})], 27),
        ([("/tokenize", WHOLE, {"tokens": []}), TEMPLATE, ("/tokenize", FILLED, {"tokens": [7] * 31})], 31),
        ([TEMPLATE, ("/tokenize", FILLED, {"tokens": [7] * 31})], 31),
        ([("/tokenize", WHOLE, {"count": -1})], None),
        ([("/tokenize", WHOLE, {"count": True})], None),
        ([("/tokenize", WHOLE, {"count": 10**30})], None),
        ([("/tokenize", WHOLE, [27])], None),
        ([("/tokenize", WHOLE, {"tokens": []})], None),
        ([TEMPLATE], None),
        ([], None),
    ],
)  # fmt: skip
async def test_a_message_is_counted_where_the_server_does_that(
    pages: list[tuple[str, Json, Json]], tokens: int | None
) -> None:
    async with standing_in(answering(*pages)) as stand_in:
        engine = OpenAIEngine(stand_in.server, MODEL, 1)
        assert await engine.count_tokens(SYSTEM, PROMPT) == tokens


async def test_nobody_counts_while_the_server_is_away_and_where_there_is_none() -> None:
    async with standing_in(answering()) as stand_in:
        engine = OpenAIEngine(stand_in.server, MODEL, 1)
    assert await engine.count_tokens("", PROMPT) is None
    assert await SketchEngine().count_tokens("", PROMPT) is None
