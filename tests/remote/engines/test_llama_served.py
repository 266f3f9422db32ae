"""The engine `llama` with the real llama.cpp and a small model: it starts, answers, is mended and ends."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from backend.box.links.runner import build_runner
from remote.engines import EngineAway
from remote.engines.llama import LlamaEngine
from remote.engines.vllm.process import is_running, pid_file, read_pid_file
from remote.paths import DaemonPaths, make_daemon_paths
from remote.protocol import LlamaSetup, Request
from tests.remote.engines.openai_asking import answer_of, request
from tests.support.llama_server import llama_python
from tests.support.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("servers"), pytest.mark.timeout(300)]

MakeEngine = Callable[[str], LlamaEngine]


@pytest.fixture
def paths(tmp_path: Path) -> DaemonPaths:
    return make_daemon_paths(str(tmp_path / "root"), tmp_path / "run")


@pytest.fixture
async def make_engine(tmp_path: Path, paths: DaemonPaths) -> AsyncIterator[MakeEngine]:
    """Makes engines for a model; they are closed after the test, and leave nothing."""
    runner = tmp_path / "runner.pyz"
    runner.write_bytes(build_runner().data)
    setup = LlamaSetup(python=str(llama_python()), mmproj="", slots=1, context=1024)
    made: list[LlamaEngine] = []

    def make(model: str) -> LlamaEngine:
        made.append(LlamaEngine(setup, model, 60.0, runner, paths, lambda _: None))
        return made[-1]

    yield make
    for engine in made:
        await engine.close()
    assert not pid_file(paths).exists()
    assert not list(paths.run.glob("*.llama.sock"))


def frames() -> list[bytes]:
    pictures = []
    for grey in (40, 200):
        written = io.BytesIO()
        Image.new("RGB", (64, 36), (grey, grey, grey)).save(written, "PNG")
        pictures.append(written.getvalue())
    return pictures


def asked_of(engine: LlamaEngine, images: list[bytes]) -> Request:
    plain = request(images=images, max_tokens=12)
    return replace(plain, model=engine.model, engine=engine.serves())


async def test_a_model_is_told_of_the_frames_and_a_killed_server_is_started_again(
    make_engine: MakeEngine, paths: DaemonPaths
) -> None:
    engine = make_engine("")
    assert engine.stage == "not started"
    assert engine.model == "SmolLM2-135M-Instruct.Q4_1"
    assert engine.notice.startswith(f"Written by the language model {engine.model}, which sees no")
    images = frames()
    text, end = await answer_of(engine, asked_of(engine, images), images)
    assert text.strip()
    assert (end.prompt_tokens, end.completion_tokens) == (None, 12)
    assert engine.stage == "ready"
    server = read_pid_file(pid_file(paths))
    assert server is not None
    assert server.group is not None
    os.killpg(server.group, signal.SIGKILL)
    await until(lambda: engine.stage == "failed")
    text, end = await answer_of(engine, asked_of(engine, []))
    assert text.strip()
    assert end.prompt_tokens
    await engine.close()
    assert not is_running(pid_file(paths))


async def test_a_file_that_is_no_model_is_told_in_the_words_of_llama_cpp(
    make_engine: MakeEngine, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"no model")
    engine = make_engine(str(broken))
    with pytest.raises(EngineAway, match=r"expected 'GGUF' \(.*broken\.gguf\)") as caught:
        await answer_of(engine, replace(asked_of(engine, []), model=str(broken)))
    assert caught.value.for_good
    assert engine.stage == "failed"
