"""Asks a server how many tokens it makes of a message without pictures. vLLM and llama.cpp tell it."""

from __future__ import annotations

import json
from typing import cast

from remote.engines import EngineError
from remote.engines.http import Client, Server
from remote.engines.openai.chat import chat_messages
from remote.protocol import BEYOND_NUMBERS, Json

_SECONDS = 5.0
"""For the connection, and again for an answer: an app waits for it."""
_PATH = "/tokenize"


async def count_tokens(server: Server, model: str, system: str, prompt: str) -> int | None:
    """Return the tokens of this message with the chat template; None when the server does not say."""
    client = Client(server, _SECONDS)
    messages = chat_messages(system, prompt)
    try:
        answer = await _post(client, _PATH, {"model": model, "messages": messages})
        if "count" in answer:  # vLLM
            return _count(answer["count"])
        # llama.cpp counts a text alone, so that the template must be filled in before.
        filled = await _post(client, "/apply-template", {"messages": messages})
        text = filled.get("prompt")
        if not isinstance(text, str):
            return None
        asked: dict[str, Json] = {"content": text, "add_special": True, "parse_special": True}
        tokens = (await _post(client, _PATH, asked)).get("tokens")
        return len(tokens) if isinstance(tokens, list) else None
    except EngineError:
        return None


async def _post(client: Client, path: str, body: dict[str, Json]) -> dict[str, Json]:
    """Return the object that the server answers with; an empty one for any other answer."""
    async with client.request("POST", path, silence=_SECONDS, body=body) as response:
        if response.status != 200:
            return {}
        try:
            value = cast(Json, json.loads(await response.read()))
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


def _count(value: Json) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return cast(int, value) if whole and 0 <= cast(int, value) < BEYOND_NUMBERS else None
