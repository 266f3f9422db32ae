"""The engine `vllm`: starts `vllm serve`, keeps it warm, asks it over HTTP, and gives the GPU back.

`installation` finds out which vLLM is there, `flags` spells its command line, `process` owns the process
group, `stages` reads its log, `engine` brings these together.
"""

from __future__ import annotations

from remote.engines.vllm.engine import VllmEngine

__all__ = ["VllmEngine"]
