"""Decides how many engines a vLLM server gets: each has the whole model on GPUs of its own."""

from __future__ import annotations

from collections.abc import Mapping

from remote.engines.vllm.container import gpus_of
from remote.engines.vllm.docker_run import RunLine
from remote.engines.vllm.installation import Version
from remote.engines.vllm.run_command import run_command
from remote.protocol import VllmSetup

SINCE: Version = (0, 9, 1)
"""The first version with several engines behind one server and CUDA graphs in them."""
_LIST_GPUS = ("nvidia-smi", "--list-gpus")
_SECONDS = 10.0


class TooOldError(Exception):
    """This vLLM cannot have several engines behind one server."""


async def count_engines(
    setup: VllmSetup, line: RunLine | None, version: Version, environment: Mapping[str, str]
) -> int:
    """Return the number of engines by the settings; for 0, by the GPUs that vLLM may use.

    `line` is the `docker run` line of the command, if it is one. Raises TooOldError.
    """
    if setup.data_parallel_size:
        if why := why_too_old(setup.data_parallel_size, version):
            raise TooOldError(why)
        return setup.data_parallel_size
    if version < SINCE:
        return 1
    gpus = await _count_gpus(line, environment)
    return max(1, gpus // setup.tensor_parallel_size)


def why_too_old(engines: int, version: Version) -> str:
    """Say why this version cannot have as many engines as the settings want; empty when it can."""
    if engines <= 1 or version >= SINCE:
        return ""
    shown, since = (".".join(map(str, each)) for each in (version, SINCE))
    return (
        f"vLLM {shown} cannot have {engines} engines behind one server "
        f"(vllm.data_parallel_size of the box); {since} and newer can"
    )


async def _count_gpus(line: RunLine | None, environment: Mapping[str, str]) -> int:
    """Return how many GPUs vLLM may use; 0 where that is not known."""
    named = environment.get("CUDA_VISIBLE_DEVICES", "")
    if named.strip():
        return _count_names(named)
    given = gpus_of(line) if line is not None and line.has("--gpus") else ["all"]
    if given != ["all"]:
        return len(given)
    try:
        ran = await run_command(_LIST_GPUS, _SECONDS, environment)
    except OSError:
        return 0
    return sum(row.startswith("GPU ") for row in ran.output.splitlines())


def _count_names(named: str) -> int:
    return len([name for name in named.split(",") if name.strip()])
