"""The command line of llama.cpp's server. Its options are spelled as those of `llama-server` are."""

from __future__ import annotations

from pathlib import Path

from remote.engines.llama.installation import Installation
from remote.protocol import LlamaSetup

SERVE = "llama-serve"
"""The command of the runner that is the server."""
KEY = "LLAMA_API_KEY"
"""The environment variable that holds the server's key, as `llama-server` reads it."""


def serve_command(
    found: Installation, setup: LlamaSetup, name: str, runner: Path, socket: Path
) -> tuple[str, ...]:
    """Return the command that serves the model under this name. The server's slots share --ctx-size."""
    sight = () if found.mmproj is None else ("--mmproj", str(found.mmproj))
    return (
        found.python, "-I", str(runner), SERVE,
        "--model", str(found.model),
        *sight,
        "--alias", name,
        "--host", str(socket),
        "--parallel", str(setup.slots),
        "--ctx-size", str(setup.slots * setup.context),
    )  # fmt: skip
