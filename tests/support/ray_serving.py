"""A program that puts Ray Serve before a stand-in for a chat model, run by the Python of `.ci/install-ray`:

    python ray_serving.py PORT REPLICAS FOLDER

Ray is started for it alone, and keeps its files in FOLDER. It prints "ready" when Serve answers.
A line on its standard input has Serve end and start anew.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

MODEL = "stand-in"
_ECHOES = 20
"""How often an answer repeats the prompt."""
_PACE = 0.05
"""Seconds from one to the next."""


class StandIn:
    """Repeats the prompt at a fixed pace."""

    async def __call__(self, request: Request) -> Response:
        """Answer a request for any path."""
        match request.url.path:
            case "/v1/models":
                return JSONResponse({"object": "list", "data": [{"id": MODEL, "object": "model"}]})
            case "/v1/chat/completions":
                last = (await request.json())["messages"][-1]["content"]
                prompt = last if isinstance(last, str) else last[-1]["text"]
                return StreamingResponse(_answer(prompt), media_type="text/event-stream")
            case "/pid":
                return JSONResponse(os.getpid())
        return JSONResponse({"error": {"message": "Not Found"}}, status_code=404)


async def _answer(prompt: str) -> AsyncIterator[str]:
    for _ in range(_ECHOES):
        yield _event({"delta": {"content": f"{prompt}. "}, "finish_reason": None})
        await asyncio.sleep(_PACE)
    yield _event({"delta": {}, "finish_reason": "stop"})
    yield "data: [DONE]\n\n"


def _event(choice: dict[str, object]) -> str:
    chunk = {"object": "chat.completion.chunk", "model": MODEL, "choices": [{"index": 0} | choice]}
    return f"data: {json.dumps(chunk)}\n\n"


def _serve(port: int, replicas: int) -> None:
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    options = {"num_replicas": replicas, "ray_actor_options": {"num_cpus": 0}}
    model = serve.deployment(StandIn, **options)
    serve.run(model.bind(), name="model", route_prefix="/")
    print("ready", flush=True)  # noqa: T201


def main(port: int, replicas: int, folder: str) -> None:
    """Serve until this process is killed."""
    ray.init(
        "local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=80_000_000,
        _temp_dir=folder,
    )
    _serve(port, replicas)
    for _ in sys.stdin:
        serve.shutdown()
        _serve(port, replicas)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
