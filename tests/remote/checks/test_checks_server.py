"""What is said about a model server that runs already."""

from __future__ import annotations

import json

import pytest

from remote.checks.examination import Wrong
from remote.checks.server import find_context, find_key, find_served_model, find_server
from remote.engines.openai import Model
from remote.protocol import OpenAISetup
from tests.remote.engines.openai_asking import MODEL
from tests.remote.engines.openai_stand_in import Visit, standing_in, whole


async def _list_models(visit: Visit) -> None:
    assert visit.path == "/v1/models"
    await visit.send(whole(json.dumps({"data": [{"id": MODEL, "max_model_len": 4096}]}).encode()))


def _setup(base_url: str = "", key: str = "") -> OpenAISetup:
    return OpenAISetup(base_url, key, slots=4)


async def test_a_server_that_has_the_model_is_fine() -> None:
    async with standing_in(_list_models) as stand_in:
        engine = (await find_server(_setup(stand_in.server.base_url), "", MODEL)).value
        model = (await find_served_model(engine)).value
    assert (await find_context(model, 4096)).remedy == ""


async def test_a_server_without_the_model_tells_which_it_has() -> None:
    async with standing_in(_list_models) as stand_in:
        engine = (await find_server(_setup(stand_in.server.base_url), "", "another")).value
        with pytest.raises(Wrong, match=f"it has: {MODEL}"):
            await find_served_model(engine)


async def test_a_context_that_is_too_short_is_wrong() -> None:
    with pytest.raises(Wrong) as wrong:
        await find_context(Model("m", 2048), 4096)
    assert "max_tokens to 2048" in wrong.value.remedy


async def test_a_server_that_tells_no_context_is_believed() -> None:
    assert "does not say" in (await find_context(Model("m", None), 4096)).detail


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
