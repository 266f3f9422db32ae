"""llama.cpp's server as a process of its own, in the Python that has the package xllamacpp."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Sequence

from remote.engines.llama.command import KEY


def serve(arguments: Sequence[str]) -> int:
    """Serve until this process is ended. Raises RuntimeError when the model cannot be loaded."""
    options = _read(arguments)
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.mmproj.path = options.mmproj
    params.model_alias = {options.alias}
    params.hostnames = [options.host]
    params.port = 0
    params.n_parallel = options.parallel
    params.n_ctx = options.ctx_size
    # Two threads of one core are no faster than one, and threads that wait for each other take all of a core.
    params.cpuparams.n_threads = max(1, (os.cpu_count() or 1) // 2)
    params.api_keys = [os.environ[KEY]]
    server = xllamacpp.Server(params)
    print(f"serving at {server.listening_address}", flush=True)  # noqa: T201 - the server's log
    signal.pause()
    return 0


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for option in ("--model", "--alias", "--host"):
        parser.add_argument(option, required=True)
    parser.add_argument("--mmproj", default="")
    for option in ("--parallel", "--ctx-size"):
        parser.add_argument(option, type=int, required=True)
    return parser.parse_args(arguments)
