"""The engine over a chat server that already runs and speaks OpenAI's API: vLLM, SGLang, Ollama,
llama.cpp, Ray Serve.

    chat     requests and answers as JSON
    context  the length of a model's context, as the server tells it
    limits   how long the server may take
    metrics  the load of a vLLM, read from its /metrics
    refusal  turns a server's refusal into an error of ours
    engine   the `Engine`, and the health checks for a supervisor

It starts no server and supervises none.
"""

from __future__ import annotations

from remote.engines.openai.chat import Aborted, Model
from remote.engines.openai.engine import OpenAIEngine
from remote.engines.openai.limits import Limits

__all__ = ["Aborted", "Limits", "Model", "OpenAIEngine"]
