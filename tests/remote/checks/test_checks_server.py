"""What is said about a model server that runs already."""

from __future__ import annotations

import json

import pytest

from remote.checks.examination import Wrong
from remote.checks.server import find_context, find_key, find_served_model, find_server
from remote.engines.openai import OpenAIEngine
from remote.protocol import Checkup, OpenAISetup, Setup
from tests.remote.engines.openai_asking import MODEL
from tests.remote.engines.openai_stand_in import Visit, standing_in, whole


async def _list_models(visit: Visit) -> None:
    assert visit.path == "/v1/models"
    await visit.send(whole(json.dumps({"data": [{"id": MODEL, "max_model_len": 4096}]}).encode()))


def _setup(base_url: str = "", key: str = "") -> OpenAISetup:
    return OpenAISetup(base_url, key, slots=4)


def _checkup(context: int, follows: bool = False) -> Checkup:
    return Checkup(Setup("~/box", "openai", MODEL, 900), context, follows)


async def test_a_server_that_has_the_model_is_fine() -> None:
    async with standing_in(_list_models) as stand_in:
        engine = (await find_server(_setup(stand_in.server.base_url), "", MODEL)).value
        assert (await find_served_model(engine)).remedy == ""


async def test_a_server_without_the_model_tells_which_it_has() -> None:
    async with standing_in(_list_models) as stand_in:
        engine = (await find_server(_setup(stand_in.server.base_url), "", "another")).value
        with pytest.raises(Wrong, match=f"it has: {MODEL}"):
            await find_served_model(engine)


@pytest.mark.parametrize(
    ("said", "follows", "detail", "remedy"),
    [
        (4096, False, "4,096 tokens; max_tokens = 4,096", ""),
        (8192, False, "4,096 tokens; max_tokens = 8,192", "Set max_tokens to 4096"),
        (8192, True, "4,096 tokens, as the server says", ""),
    ],
)
async def test_a_context_is_compared_with_the_one_that_the_settings_say(
    said: int, follows: bool, detail: str, remedy: str
) -> None:
    async with standing_in(_list_models) as stand_in:
        engine = OpenAIEngine(stand_in.server, MODEL, 4)
        found = await find_context(engine, _checkup(said, follows))
    assert detail in found.detail
    assert bool(found.remedy) == bool(remedy)
    assert remedy in found.remedy


async def test_a_server_that_tells_no_context_is_believed() -> None:
    async with standing_in(_list_models) as stand_in:
        engine = OpenAIEngine(stand_in.server, "another", 4)
        assert "does not say" in (await find_context(engine, _checkup(4096))).detail


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "http://user:pw@host/v1"])
async def test_an_address_that_is_none_is_wrong(url: str) -> None:
    with pytest.raises(Wrong, match="base_url"):
        await find_server(_setup(url), "", MODEL)


async def test_a_key_is_looked_for_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Wrong, match="has no SOME_KEY"):
        await find_key(_setup(key="SOME_KEY"))
    monkeypatch.setenv("SOME_KEY", "sk-secret")
    found = await find_key(_setup(key="SOME_KEY"))
    assert found.value == "sk-secret"
    assert "sk-secret" not in found.detail
    assert (await find_key(_setup())).value == ""
