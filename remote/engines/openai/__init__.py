"""The engine over a chat server that already runs and speaks OpenAI's API: vLLM, SGLang, Ollama,
llama.cpp, Ray Serve.

    chat     what is asked and what is answered, as JSON
    metrics  what a vLLM counts, read from its /metrics
    refusal  what a server's refusal means for the request
    engine   the `Engine`, and what a supervisor asks of its server

It starts no server and watches over none.
"""

from __future__ import annotations

from remote.engines.openai.chat import Model
from remote.engines.openai.engine import Limits, OpenAIEngine

__all__ = ["Limits", "Model", "OpenAIEngine"]
