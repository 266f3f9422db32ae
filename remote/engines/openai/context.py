"""Asks a server how long the context of a model is. vLLM, SGLang and llama.cpp tell it."""

from __future__ import annotations

from remote.engines import EngineError
from remote.engines.http import Client, Server
from remote.engines.openai.chat import read_models, read_props

_SECONDS = 3.0
"""For the connection, and again for an answer: an app waits for it."""


class ContextReader:
    """Asks one server, and remembers what it told last."""

    def __init__(self, server: Server) -> None:
        self._client = Client(server, _SECONDS)
        self._told: dict[str, int] = {}
        """By model, what the server told last: it holds while the server is away."""

    async def read(self, model: str) -> int:
        """Return the tokens that a request to this model may have with its answer; 0 when nobody knows."""
        try:
            self._told[model] = await self._ask(model)
        except EngineError:
            return self._told.get(model, 0)
        return self._told[model]

    async def _ask(self, name: str) -> int:
        page = await self._page("/v1/models")
        models = read_models(page) if page else ()
        model = next((each for each in models if each.is_named(name)), None)
        if model is None:
            return 0
        # llama.cpp of before 2026 tells it there alone, and has one model.
        return model.max_model_len or read_props(await self._page("/props"))

    async def _page(self, path: str) -> bytes:
        """Return the page, or nothing when the server has none. Raises EngineError when it is away."""
        async with self._client.request("GET", path, silence=_SECONDS) as response:
            if response.status >= 500:
                raise EngineError(f"it answered {response.status}")
            return await response.read() if response.status == 200 else b""
