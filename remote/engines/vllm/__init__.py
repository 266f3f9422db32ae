"""The engine `vllm`: starts `vllm serve`, keeps it warm, asks it over HTTP, and gives the GPU back.

program       the configured command, made ready for the box
installation  which vLLM it runs
flags         vLLM's command line, in its version's spelling
docker_run    a `docker run` line taken apart
container     the same line completed, and the container's end
launch        command, environment and address of one start
process       the process group, and the note of it
stages        its log, read
hangs         when a server is lost and must be replaced
engine        brings these together
"""

from __future__ import annotations

from remote.engines.vllm.docker_run import BadCommandError
from remote.engines.vllm.engine import VllmEngine

__all__ = ["BadCommandError", "VllmEngine"]
