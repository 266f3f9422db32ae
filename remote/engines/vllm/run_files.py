"""The files of a model server that runs, on a local disk of the box."""

from __future__ import annotations

import shutil
from pathlib import Path

from remote.paths import DaemonPaths


def server_socket(paths: DaemonPaths) -> Path:
    """The path of the Unix socket on which a vLLM listens."""
    return paths.run / f"{paths.key}.vllm"


def llama_socket(paths: DaemonPaths) -> Path:
    """The path of the Unix socket on which a llama.cpp listens, which knows one by its ending."""
    return paths.run / f"{paths.key}.llama.sock"


def counters_folder(paths: DaemonPaths) -> Path:
    """The folder in which the API servers of a vLLM with several engines put their counters together.

    vLLM makes one among the temporary files where it is not given one, and leaves it there when it is killed.
    """
    return paths.run / f"{paths.key}.counters"


def clear_run_files(paths: DaemonPaths) -> None:
    """Remove what a server that has ended left of these."""
    for socket in (server_socket(paths), llama_socket(paths)):
        socket.unlink(missing_ok=True)
    shutil.rmtree(counters_folder(paths), ignore_errors=True)
