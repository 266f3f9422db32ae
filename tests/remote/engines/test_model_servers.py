"""The engine `openai` asks real servers: llama.cpp, LiteLLM's proxy before it, and nginx before both.

`.ci/install-servers` puts them there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from remote.engines import BadRequest, Completion, EngineAway, EngineError
from remote.engines.http import Server
from remote.engines.openai import OpenAIEngine
from remote.protocol import FrameInfo, Request, Sampling
from tests.remote.engines.openai_asking import answer_of, pieces_of
from tests.support.litellm_proxy import KEY, LIMITED
from tests.support.llama_server import CONTEXT, MODEL, llama_server
from tests.support.model_servers import SERVERS, ModelServer, model_server
from tests.support.nginx import RETRY_AFTER_SECONDS, nginx_before
from tests.support.sshd import BOUND
from tests.support.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("servers"), pytest.mark.timeout(180)]

PICTURE = b"\x89PNG"


@pytest.fixture(scope="module", params=SERVERS)
def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModelServer]:
    proxy = request.getfixturevalue("litellm") if request.param == "LiteLLM" else None
    port = proxy.behind if proxy else None
    with llama_server(tmp_path_factory.mktemp("llama"), port) as llama:
        llama.key = KEY
        llama.start()
        llama.wait_until_loaded()
        yield model_server(request.param, llama, proxy)


@pytest.fixture
def engine(asked: ModelServer) -> OpenAIEngine:
    return engine_of(asked)


def engine_of(asked: ModelServer, model: str = MODEL) -> OpenAIEngine:
    return OpenAIEngine(asked.server, model, asked.llama.slots)


def asking(prompt: str, max_tokens: int = 8, model: str = MODEL, frames: int = 0) -> Request:
    infos = tuple(FrameInfo("ab" * 32, 16, 9, number) for number in range(frames))
    return Request("generic", model, "", prompt, infos, Sampling(0.0, max_tokens, 7))


async def test_a_server_is_away_until_it_listens_and_until_its_model_is_loaded(
    asked: ModelServer, engine: OpenAIEngine
) -> None:
    reasons: list[str] = []

    async def ask() -> bool:
        try:
            await pieces_of(engine, asking("Hello"))
        except EngineAway as away:
            reasons.append(str(away))
            return False
        return True

    asked.llama.kill()
    assert not await ask()
    asked.llama.start()
    async with asyncio.timeout(BOUND):
        while not await ask():
            pass
    whose = f"the model server at http://127.0.0.1:{asked.port}"
    unreached = {
        "llama.cpp": f"cannot connect to {whose}",
        "LiteLLM": f"{whose} answered 500: litellm.InternalServerError",
    }
    assert reasons[0].startswith(unreached[asked.name])
    assert reasons[-1].startswith(f"{whose} answered 503")


async def test_llama_cpp_counts_a_message_as_it_counts_the_request(
    asked: ModelServer, engine: OpenAIEngine
) -> None:
    for system, prompt in [("", "a harbour at dusk"), ("Be brief.", "ein Café, 港口 <|im_end|>")]:
        *_, end = await pieces_of(engine, replace(asking(prompt, 1), system=system))
        assert isinstance(end, Completion)
        counted = await engine.count_tokens(system, prompt)
        assert counted == (end.prompt_tokens if asked.name == "llama.cpp" else None)


async def test_an_answer_comes_in_pieces_and_stops_by_itself(engine: OpenAIEngine) -> None:
    *text, end = await pieces_of(engine, asking("Say hi.", 200))
    assert len(text) > 1
    assert isinstance(end, Completion)
    assert end.finish_reason == "stop"
    assert end.prompt_tokens
    assert end.completion_tokens is not None
    assert len(text) <= end.completion_tokens < 200
    assert engine.name.startswith("openai b")


async def test_an_answer_is_cut_off_at_its_most_tokens(engine: OpenAIEngine) -> None:
    _, end = await answer_of(engine, asking("Count to one hundred.", 8))
    assert (end.finish_reason, end.completion_tokens) == ("length", 8)


async def test_equal_requests_get_equal_answers(engine: OpenAIEngine) -> None:
    request = asking("Describe a harbour.", 12)
    assert (await answer_of(engine, request))[0] == (await answer_of(engine, request))[0]


async def test_the_context_is_the_servers_own_where_it_tells_it(
    asked: ModelServer, engine: OpenAIEngine
) -> None:
    assert await engine.context() == {"llama.cpp": CONTEXT, "LiteLLM": 0}[asked.name]


async def test_what_it_can_never_answer_is_no_fault_of_the_server(engine: OpenAIEngine) -> None:
    with pytest.raises(BadRequest, match="exceeds the available context size"):
        await pieces_of(engine, asking("harbour " * 2 * CONTEXT))
    with pytest.raises(BadRequest, match="image input is not supported"):
        await pieces_of(engine, asking("a harbour", frames=1), [PICTURE])


async def test_a_model_that_it_does_not_have_is_not_answered_by_another_one(
    asked: ModelServer,
) -> None:
    """llama.cpp answers under any name."""
    told = {
        "llama.cpp": f"has no model 'another'; it has: {MODEL}",
        "LiteLLM": "Invalid model name passed in model=another",
    }
    with pytest.raises((EngineError, BadRequest), match=told[asked.name]):
        await pieces_of(engine_of(asked, "another"), asking("Hello", model="another"))
    await until(lambda: asked.llama.busy_slots == 0)


# LiteLLM without a database answers 500 to a request without a key.
@pytest.mark.parametrize(
    ("asked", "key"),
    [("llama.cpp", "sk-wrong"), ("llama.cpp", ""), ("LiteLLM", "sk-wrong")],
    indirect=["asked"],
)
async def test_a_wrong_key_is_told_and_never_shown(asked: ModelServer, key: str) -> None:
    engine = OpenAIEngine(Server(asked.url, None, key), MODEL, 1)
    told = "refuses the API key" if key else "wants an API key, and none is set"
    with pytest.raises(EngineAway, match=told) as raised:
        await pieces_of(engine, asking("Hello"))
    assert raised.value.for_good
    assert "sk-wrong" not in str(raised.value)


async def test_a_request_that_is_given_up_frees_its_slot(
    asked: ModelServer, engine: OpenAIEngine
) -> None:
    answers = engine.generate(asking("Write a very long story.", 900), ())
    async with aclosing(answers) as pieces:  # type: ignore[type-var]
        async for _ in pieces:
            break
        assert asked.llama.busy_slots == 1
    await until(lambda: asked.llama.busy_slots == 0, 10)


@pytest.mark.parametrize("asked", ["LiteLLM"], indirect=True)  # llama.cpp lets requests wait
async def test_a_server_with_too_much_to_do_is_asked_again_later(asked: ModelServer) -> None:
    """LiteLLM counts the requests of a minute; the next minute may begin between two of them."""
    engine = engine_of(asked, LIMITED)

    async def ask_thrice() -> None:
        for _ in range(3):
            await pieces_of(engine, asking("Hello", 1, LIMITED))

    with pytest.raises(EngineAway, match="answered 429: No deployments available") as busy:
        await ask_thrice()
    assert busy.value.retry_after is None


async def test_the_pages_of_a_proxy_are_understood(asked: ModelServer, tmp_path: Path) -> None:
    await answer_of(engine_of(asked), asking("Hello", 1))  # LiteLLM's first answer takes seconds
    with nginx_before(asked.port, tmp_path) as port:
        engine = engine_of(asked.through(port))
        with pytest.raises(BadRequest, match=r"takes no request as large as this one \(413\)$"):
            await pieces_of(engine, asking("harbour " * 1000))

        two = (pieces_of(engine, asking("Hello", 1)) for _ in range(2))
        told = await asyncio.gather(*two, return_exceptions=True)
        (busy,) = (each for each in told if isinstance(each, EngineAway))
        assert "answered 429: slow down" in str(busy)
        assert busy.retry_after == RETRY_AFTER_SECONDS

        await asyncio.sleep(RETRY_AFTER_SECONDS)
        engine = engine_of(asked.through(port))  # one that has not met a server that is away
        with (
            asked.llama.halted(),
            pytest.raises(EngineAway, match=r"a proxy waited too long .* \(504 Gateway Time-out\)"),
        ):
            await pieces_of(engine, asking("Hello", 1))
