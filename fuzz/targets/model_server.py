"""The bodies of a model server: chunks, models, refusals and metrics are understood, or an error of ours."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable

from remote.engines import BadRequest, EngineError
from remote.engines.http import Server
from remote.engines.openai.chat import Ending, read_chunk, read_models
from remote.engines.openai.metrics import read_metrics
from remote.engines.openai.refusal import AnsweredError, broken_off_error, refusal_error
from remote.protocol import EngineLoad, Json, Status, from_json, to_json

_SERVER = Server("http://127.0.0.1:8000", api_key="sk-secret")
_STATUSES = (400, 401, 404, 302, 413, 500, 502, 503)


def seeds() -> Iterable[bytes]:
    yield b'{"choices":[{"delta":{"content":"Warm"},"finish_reason":"stop"}],"system_fingerprint":"v-1"}'
    yield b'{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3}}'
    yield b'{"data":[{"id":"m","max_model_len":4096},{}]}'
    yield b'{"error":{"message":"This model\'s maximum context length is 4096 sk-secret"}}'
    yield b'{"object":"error","message":"boom"}'
    yield b'{"detail":"Not Found"}'
    yield b'{"choices":[{"delta":{"content":[{"type":"text","text":"a"}],"reasoning":"b"}}]}'
    yield b"<html><head><title>502 Bad\nGateway</title></head><p>sk-secret</html>"
    yield b'vllm:num_requests_running{model_name="m"} 2.0\nvllm:kv_cache_usage_perc 0.5 17\n'
    yield b'vllm:prompt_tokens_total{a="}"} 1e3\nvllm:generation_tokens_total NaN\n'


def check(data: bytes) -> None:
    _check_answer(data)
    _check_refusals(data)
    _check_metrics(data)


def _check_answer(data: bytes) -> None:
    ending = Ending(300)
    try:
        ending.note(read_chunk(data))
        ending.completion()
    except AnsweredError as error:
        assert isinstance(broken_off_error(_SERVER, error), EngineError | BadRequest)
    except (EngineError, BadRequest):
        pass
    with contextlib.suppress(EngineError):
        assert all(model.id for model in read_models(data))


def _check_refusals(data: bytes) -> None:
    for status in _STATUSES:
        words = str(refusal_error(_SERVER, "model", status, data))
        assert "sk-secret" not in words
        assert "\n" not in words


def _check_metrics(data: bytes) -> None:
    metrics = read_metrics(data.decode("utf-8", "replace"))
    if metrics is None:
        return
    for value in (metrics.running, metrics.waiting, metrics.cache_usage):
        assert value is None or (value >= 0 and math.isfinite(value))
    # What is counted must fit into a message.
    load = EngineLoad(metrics.running, metrics.waiting, cache_usage=metrics.cache_usage)
    status = Status(0.0, "ready", 0, 0, load, ())
    lists: dict[str, Json] = {"load": vars(load) | {"parts": []}, "gpus": [], "replicas": []}
    assert from_json(to_json(status) | lists) == status
