"""A box whose settings name no model takes the one that its server has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from remote.engines import EngineAway, EngineError, EngineReplaced
from remote.engines.http import Server
from remote.engines.openai import OpenAIEngine
from tests.remote.engines.openai_asking import MODEL, QUICK, answer_of
from tests.remote.engines.openai_stand_in import (
    DONE,
    Script,
    Visit,
    delta,
    standing_in,
    streamed,
    whole,
)
from tests.support.sshd import free_port


def has(names: Sequence[str], status: str = "200 OK") -> Script:
    """A server with these models at present."""

    async def script(visit: Visit) -> None:
        if visit.method == "GET":
            listed = json.dumps({"data": [{"id": name} for name in names]})
            await visit.send(whole(listed.encode(), status))
        elif visit.json["model"] in names:
            await visit.send(streamed(delta("A harbour", "stop"), DONE))
        else:
            await visit.send(whole(b"{}", "404 Not Found"))

    return script


def choosing(server: Server) -> OpenAIEngine:
    return OpenAIEngine(server, "", slots=4, limits=QUICK)


async def test_the_only_model_is_taken_and_is_part_of_what_is_served() -> None:
    async with standing_in(has([MODEL])) as stand_in:
        engine = choosing(stand_in.server)
        serves = await asyncio.to_thread(engine.serves)
        assert engine.model == MODEL
        assert serves == OpenAIEngine(stand_in.server, MODEL, 4).serves()
        assert (await answer_of(engine))[0] == "A harbour"


async def test_a_model_that_the_settings_name_is_not_told_as_a_choice() -> None:
    async with standing_in(has([MODEL, "b"])) as stand_in:
        engine = OpenAIEngine(stand_in.server, MODEL, 4)
        await asyncio.to_thread(engine.serves)
        assert engine.model == ""
        assert stand_in.visits == []


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a", "b"], r"has 2 models: a, b; set `model` of the box to one of them"),
        ([], "has no model"),
    ],
)
async def test_with_several_models_or_none_there_is_no_choice(names: list[str], told: str) -> None:
    async with standing_in(has(names)) as stand_in:
        with pytest.raises(EngineError, match=told) as raised:
            await asyncio.to_thread(choosing(stand_in.server).serves)
    assert not isinstance(raised.value, EngineAway)


async def test_a_server_that_is_away_may_tell_its_model_later() -> None:
    async with standing_in(has([MODEL], "503 Loading")) as stand_in:
        with pytest.raises(EngineAway, match="503"):
            await asyncio.to_thread(choosing(stand_in.server).serves)
    nobody = Server(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(EngineAway, match="cannot connect"):
        await asyncio.to_thread(choosing(nobody).serves)


async def test_a_request_for_a_model_that_is_there_no_more_is_one_for_another_engine() -> None:
    names = [MODEL]
    async with standing_in(has(names)) as stand_in:
        engine = choosing(stand_in.server)
        before = await asyncio.to_thread(engine.serves)
        names[:] = ["another"]
        with pytest.raises(EngineReplaced, match="'another'"):
            await answer_of(engine)
        assert await asyncio.to_thread(engine.serves) != before
        assert engine.model == "another"
