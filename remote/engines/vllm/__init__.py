"""The engine `vllm`: starts `vllm serve`, keeps it running, sends it requests over HTTP, and frees the GPU.

program       the configured command, prepared for the box
run_command   one short command, run with a time limit
installation  which vLLM version the command runs
flags         vLLM's command line, in the spelling of its version
docker_run    reads a `docker run` line
container     completes that line, and removes the container
launch        command, environment and address of one start
process       the server's process group, and the file by which a later daemon finds it
stages        the server's stage, read from its log
unbroken      work that a cancel does not break off
hangs         when a server is lost and must be replaced
last_start    how long the last start took
engine        the `Engine`, which uses all of these
"""

from __future__ import annotations

from remote.engines.vllm.docker_run import BadCommandError
from remote.engines.vllm.engine import VllmEngine
from remote.engines.vllm.process import end_leftover_server

__all__ = ["BadCommandError", "VllmEngine", "end_leftover_server"]
