"""The engine `openai` asks a real llama.cpp server, which `.ci/install-servers` puts there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from remote.engines import BadRequest, Completion, EngineAway, EngineError
from remote.engines.openai import OpenAIEngine
from remote.protocol import FrameInfo, Request, Sampling
from tests.remote.engines.openai_asking import answer_of, pieces_of
from tests.support.llama_server import CONTEXT, MODEL, LlamaServer, llama_server
from tests.support.sshd import BOUND
from tests.support.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("servers"), pytest.mark.timeout(120)]

PICTURE = b"\x89PNG"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    with llama_server(tmp_path_factory.mktemp("llama")) as server:
        server.start()
        server.wait_until_loaded()
        yield server


@pytest.fixture
def engine(serving: LlamaServer) -> OpenAIEngine:
    return OpenAIEngine(serving.server, MODEL, serving.slots)


def asking(prompt: str, max_tokens: int = 8, model: str = MODEL, frames: int = 0) -> Request:
    infos = tuple(FrameInfo("ab" * 32, 16, 9, number) for number in range(frames))
    return Request("generic", model, "", prompt, infos, Sampling(0.0, max_tokens, 7))


async def test_a_server_is_away_until_it_listens_and_until_its_model_is_loaded(
    tmp_path: Path,
) -> None:
    with llama_server(tmp_path) as server:
        engine = OpenAIEngine(server.server, MODEL, server.slots)
        reasons: list[str] = []

        async def ask() -> bool:
            try:
                await pieces_of(engine, asking("Hello"))
            except EngineAway as away:
                reasons.append(str(away))
                return False
            return True

        assert not await ask()
        server.start()
        async with asyncio.timeout(BOUND):
            while not await ask():
                pass
    whose = f"the model server at http://127.0.0.1:{server.port}"
    assert reasons[0].startswith(f"cannot connect to {whose}")
    assert reasons[-1].startswith(f"{whose} answered 503")


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
    asked = asking("Describe a harbour.", 12)
    assert (await answer_of(engine, asked))[0] == (await answer_of(engine, asked))[0]


async def test_what_it_can_never_answer_is_no_fault_of_the_server(engine: OpenAIEngine) -> None:
    with pytest.raises(BadRequest, match="exceeds the available context size"):
        await pieces_of(engine, asking("harbour " * 2 * CONTEXT))
    with pytest.raises(BadRequest, match="image input is not supported"):
        await pieces_of(engine, asking("a harbour", frames=1), [PICTURE])


async def test_a_model_that_it_does_not_have_is_not_answered_by_another_one(
    serving: LlamaServer,
) -> None:
    """llama.cpp answers under any name."""
    engine = OpenAIEngine(serving.server, "another", serving.slots)
    with pytest.raises(EngineError, match=f"has no model 'another'; it has: {MODEL}"):
        await pieces_of(engine, asking("Hello", model="another"))
    await until(lambda: serving.busy_slots == 0)


async def test_a_request_that_is_given_up_frees_its_slot(
    engine: OpenAIEngine, serving: LlamaServer
) -> None:
    answers = engine.generate(asking("Write a very long story.", 900), ())
    async with aclosing(answers) as pieces:  # type: ignore[type-var]
        async for _ in pieces:
            break
        assert serving.busy_slots == 1
    await until(lambda: serving.busy_slots == 0, 10)
