"""Notices a vLLM that hangs or has died, by how a request to it ended."""

from __future__ import annotations

from remote.engines import EngineError
from remote.engines.http import Silent
from remote.engines.openai import Aborted, OpenAIEngine


async def is_lost(client: OpenAIEngine, error: EngineError) -> bool:
    """Return whether the server that ended a request with `error` must be replaced.

    A hung engine still answers GET /health, so silence during a request is the sign of it
    (`OpenAIEngine` bounds the seconds to the first token and to each further one). A server that aborts its
    answers has begun to end, and may answer /health until it has. After any other error /health tells whether
    the server is still there.
    """
    return isinstance(error, (Silent, Aborted)) or not await client.is_healthy()
