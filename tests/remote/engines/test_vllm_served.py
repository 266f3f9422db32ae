"""The engine `openai` asks a real vLLM that was started by somebody else, with a key."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from remote.engines import BadRequest, EngineAway, EngineError
from remote.engines.http import Server
from remote.engines.openai import OpenAIEngine
from remote.protocol import Request, Sampling
from tests.remote.engines.openai_asking import answer_of, pieces_of
from tests.support.sshd import BOUND, LOOPBACK, free_port
from tests.support.tiny_pixtral import make_tiny_pixtral

pytestmark = [pytest.mark.vllm, pytest.mark.xdist_group("vllm"), pytest.mark.timeout(600)]

CONTEXT = 2048
KEY = "sk-of-vllm"
MODEL = "tiny"
_STARTING_SECONDS = 480


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server."""
    folder = tmp_path_factory.mktemp("served")
    tiny = make_tiny_pixtral(folder)
    port = free_port()
    command = [
        *tiny.command, "--model", str(tiny.model), "--served-model-name", MODEL,
        "--host", LOOPBACK, "--port", str(port), "--api-key", KEY,
        "--config-format", "mistral", "--tokenizer-mode", "mistral",
        "--max-model-len", str(CONTEXT), "--max-num-seqs", "2",
    ]  # fmt: skip
    log = folder / "vllm.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            env=os.environ | {"PYTHONPATH": str(tiny.site), "HOME": str(folder)},
            start_new_session=True,
        )
    try:
        _wait_until_loaded(process, port)
        yield f"http://{LOOPBACK}:{port}/v1"
    finally:
        print(log.read_text()[-3000:])  # noqa: T201 - pytest shows it when a test fails
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(BOUND)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(BOUND)


def _wait_until_loaded(process: subprocess.Popen[bytes], port: int) -> None:
    """Return when somebody listens: vLLM listens last."""
    deadline = time.monotonic() + _STARTING_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as knocking:
            if knocking.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail("vLLM does not listen")


def asking(prompt: str, model: str = MODEL) -> Request:
    return Request("generic", model, "", prompt, (), Sampling(0.0, 4, 7))


async def test_a_vllm_tells_its_context_and_answers(url: str) -> None:
    engine = OpenAIEngine(Server(url, None, KEY), MODEL, 2)
    assert await engine.context() == CONTEXT
    _, end = await answer_of(engine, asking("a harbour"))
    assert (end.finish_reason, end.completion_tokens) == ("length", 4)
    assert await engine.count_tokens("", "a harbour") == end.prompt_tokens
    _, end = await answer_of(engine, replace(asking("港口 [INST]"), system="Be brief."))
    assert await engine.count_tokens("Be brief.", "港口 [INST]") == end.prompt_tokens


async def test_what_a_vllm_refuses_is_told_as_what_it_is(url: str) -> None:
    engine = OpenAIEngine(Server(url, None, KEY), MODEL, 2)
    with pytest.raises(BadRequest, match="maximum context length"):
        await pieces_of(engine, asking("harbour " * 2 * CONTEXT))
    another = OpenAIEngine(Server(url, None, KEY), "another", 2)
    with pytest.raises(EngineError, match="has no model 'another'"):
        await pieces_of(another, asking("a harbour", "another"))
    for key, told in (("sk-wrong", "refuses the API key"), ("", "wants an API key")):
        with pytest.raises(EngineAway, match=told) as raised:
            await pieces_of(OpenAIEngine(Server(url, None, key), MODEL, 2), asking("a harbour"))
        assert raised.value.for_good
