"""A vLLM's page of metrics, in the words of its versions; and servers that have none."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from remote.engines.openai import metrics as module
from remote.engines.openai.metrics import LoadReader, Metrics, read_metrics
from remote.protocol import EngineLoad, PartLoad
from tests.remote.engines.openai_asking import engine_of
from tests.remote.engines.openai_stand_in import Visit, head, standing_in, whole

# As the first engine of 0.8 writes it (VLLM_USE_V1=0), in parts.
PAGE_08_V0 = """\
# HELP python_info Python platform information
# TYPE python_info gauge
python_info{implementation="CPython",major="3",minor="12",patchlevel="9",version="3.12.9"} 1.0
# HELP vllm:cache_config_info Information of the LLMEngine CacheConfig
# TYPE vllm:cache_config_info gauge
vllm:cache_config_info{block_size="16",cache_dtype="auto",num_gpu_blocks="9126"} 1.0
# HELP vllm:num_requests_running Number of requests currently running on GPU.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{model_name="/models/Cosmos-UpsamplePrompt1-12B-Transfer"} 3.0
# HELP vllm:num_requests_swapped Number of requests swapped to CPU.
# TYPE vllm:num_requests_swapped gauge
vllm:num_requests_swapped{model_name="/models/Cosmos-UpsamplePrompt1-12B-Transfer"} 0.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{model_name="/models/Cosmos-UpsamplePrompt1-12B-Transfer"} 12.0
# HELP vllm:gpu_cache_usage_perc GPU KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:gpu_cache_usage_perc gauge
vllm:gpu_cache_usage_perc{model_name="/models/Cosmos-UpsamplePrompt1-12B-Transfer"} 0.04130
# HELP vllm:cpu_cache_usage_perc CPU KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:cpu_cache_usage_perc gauge
vllm:cpu_cache_usage_perc{model_name="/models/Cosmos-UpsamplePrompt1-12B-Transfer"} 0.9
# HELP vllm:prompt_tokens_total Number of prefill tokens processed.
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{model_name="/models/Cosmos-UpsamplePrompt1-12B-Transfer"} 41120.0
# HELP vllm:generation_tokens_total Number of generation tokens processed.
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{model_name="/models/Cosmos-UpsamplePrompt1-12B-Transfer"} 2964.0
vllm:generation_tokens_created{model_name="/models/Cosmos-UpsamplePrompt1-12B-Transfer"} 1.7417e+09
vllm:request_prompt_tokens_sum{model_name="/models/Cosmos-UpsamplePrompt1-12B-Transfer"} 41120.0
"""
# In between, both names of the cache were there, and each engine had its line.
PAGE_BOTH = """\
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 2.0
vllm:num_requests_waiting{engine="0",model_name="m"} 0.0
vllm:num_requests_waiting{engine="1",model_name="m"} 1.0
vllm:gpu_cache_usage_perc{engine="0",model_name="m"} 0.9
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.5
vllm:prompt_tokens_total{engine="0",model_name="m"} 1.5e+06
vllm:prompt_tokens_total{engine="1",model_name="m"} 500000.0
vllm:generation_tokens_total{engine="0",model_name="m"} 100.0
vllm:generation_tokens_total{engine="1",model_name="m"} 50.0
"""
TWO = (PartLoad("0", 3, 0, 0.25), PartLoad("1", 2, 1, 0.5))
PAGE_032 = (Path(__file__).parent / "vllm_0.32_metrics.txt").read_text()
"""What vLLM 0.32 gave on a CPU after one request, without its histograms and comments."""

OTHERS = """\
# HELP sglang:num_running_reqs The number of running requests
# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{model_name="m"} 5.0
llamacpp:requests_processing 1
"""


@pytest.mark.parametrize(
    ("page", "read"),
    [
        (PAGE_08_V0, Metrics(3, 12, 41120.0, 2964.0, 0.0413)),
        (PAGE_BOTH, Metrics(5, 1, 2e6, 150.0, 0.5, TWO, (100.0, 50.0))),
        (PAGE_032, Metrics(0, 0, 4.0, 40.0, 0.0)),
        ("vllm:num_requests_running 2.0 1700000000000\n", Metrics(2, None, None, None, None)),
        (
            'vllm:num_requests_running{model_name="a} 9 {\\"b"} 2',
            Metrics(2, None, None, None, None),
        ),
        (f"{OTHERS}vllm:num_requests_waiting 1\n", Metrics(None, 1, None, None, None)),
    ],
    ids=["0.8", "two engines", "0.32", "with a time", "odd label", "among others"],
)
def test_the_page_is_read(page: str, read: Metrics) -> None:
    assert read_metrics(page) == read


@pytest.mark.parametrize(
    "page",
    [
        "",
        OTHERS,
        "<html>not found</html>",
        "vllm:num_requests_running",
        "vllm:num_requests_running NaN\nvllm:num_requests_waiting -1\n",
        "vllm:num_requests_running +Inf\nvllm:num_requests_running{ 3.0\n",
        "vllm:num_requests_running_by_weather 3.0\n# vllm:num_requests_running 3.0\n",
        "vllm:num_requests_running 1.0 and more\n\x00",
    ],
)
def test_what_is_no_such_page_tells_nothing(page: str) -> None:
    assert read_metrics(page) is None


def page_of(prompt: int, generation: int, running: int = 1) -> str:
    return (
        f'vllm:num_requests_running{{model_name="m"}} {running}.0\n'
        f'vllm:num_requests_waiting{{model_name="m"}} 0.0\n'
        f'vllm:kv_cache_usage_perc{{model_name="m"}} 0.5\n'
        f'vllm:prompt_tokens_total{{model_name="m"}} {prompt}.0\n'
        f'vllm:generation_tokens_total{{model_name="m"}} {generation}.0\n'
    )


async def test_two_readings_make_a_rate_and_a_new_start_makes_none() -> None:
    pages = iter([page_of(100, 10), page_of(300, 60), page_of(0, 0, 0), page_of(0, 0, 0)])

    async def script(visit: Visit) -> None:
        assert (visit.method, visit.path) == ("GET", "/metrics")
        await visit.send(whole(next(pages).encode(), kind="text/plain; version=0.0.4"))

    async with standing_in(script) as vllm:
        reader = LoadReader(vllm.server)
        first = await reader.read()
        assert first == EngineLoad(1, 0, None, None, 0.5)
        await asyncio.sleep(0.02)
        second = await reader.read()
        assert second is not None
        assert second.prompt_rate
        assert second.generation_rate
        assert second.prompt_rate == pytest.approx(4 * second.generation_rate)
        assert await reader.read() == EngineLoad(0, 0, None, None, 0.5)
        assert await reader.read() == EngineLoad(0, 0, 0.0, 0.0, 0.5)


async def test_each_of_several_engines_has_a_rate_of_its_own() -> None:
    later = PAGE_BOTH.replace(" 100.0", " 160.0").replace(" 50.0", " 80.0")
    pages = iter([PAGE_BOTH, later])

    async def script(visit: Visit) -> None:
        await visit.send(whole(next(pages).encode()))

    async with standing_in(script) as vllm:
        reader = LoadReader(vllm.server)
        first = await reader.read()
        assert first is not None
        assert [part.generation_rate for part in first.parts] == [None, None]
        await asyncio.sleep(0.02)
        second = await reader.read()
        assert second is not None
        one, other = (part.generation_rate for part in second.parts)
        assert one == pytest.approx(2 * (other or 0.0))
        assert second.generation_rate == pytest.approx(1.5 * (one or 0.0))


async def test_readings_that_lie_far_apart_make_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST_INTERVAL", 0.0)
    pages = itertools.count(100, 100)

    async def script(visit: Visit) -> None:
        await visit.send(whole(page_of(next(pages), 1).encode()))

    async with standing_in(script) as vllm:
        reader = LoadReader(vllm.server)
        assert await reader.read() == await reader.read() == EngineLoad(1, 0, None, None, 0.5)


async def test_the_engine_asks_over_its_socket_with_its_key(tmp_path: Path) -> None:
    async def script(visit: Visit) -> None:
        assert visit.headers["authorization"] == "Bearer secret"
        await visit.send(whole(page_of(1, 1).encode()))

    async with standing_in(script, socket=tmp_path / "s", api_key="secret", path="/v1") as vllm:
        load = await engine_of(vllm.server).load()
        assert load is not None
        assert load.running == 1


@pytest.mark.parametrize(
    "answer",
    [
        whole(b'{"error": "no such page"}', status="404 Not Found"),
        whole(b"", status="307 Temporary Redirect"),
        whole(OTHERS.encode()),
        whole(b"\xff\xfe\x00"),
        head(Content_Length="999999999"),
        b"no HTTP at all\r\n\r\n",
        b"",
    ],
    ids=["none", "elsewhere", "other names", "no text", "cut off", "no HTTP", "nothing"],
)
async def test_a_server_without_the_page_is_asked_once_and_left_alone(answer: bytes) -> None:
    async def script(visit: Visit) -> None:
        await visit.send(answer)

    async with standing_in(script) as server:
        engine = engine_of(server.server)
        for _ in range(3):
            assert await engine.load() is None
    assert len(server.visits) == 1


async def test_a_server_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SECONDS", 0.2)

    async def script(visit: Visit) -> None:
        await visit.left()

    async with standing_in(script) as server:
        assert await engine_of(server.server).load() is None


async def test_a_server_that_is_not_there_has_no_load() -> None:
    async with standing_in(lambda _visit: asyncio.sleep(0)) as server:
        pass
    assert await engine_of(server.server).load() is None
