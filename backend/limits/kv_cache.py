"""Computes the GPU memory that a context length takes: the KV cache, where vLLM keeps a request's tokens."""

from __future__ import annotations

from dataclasses import dataclass

from backend.config.profiles import KvCache

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class CacheMemory:
    """Bytes of the KV cache at one context length."""

    max_model_len: int
    per_request: int
    """The bytes for one request that fills the context. With less, vLLM does not start."""
    most: int
    """The bytes for `max_num_seqs` such requests. With less, vLLM works on fewer requests at once."""


def cache_memory(cache: KvCache, max_model_len: int, max_num_seqs: int) -> CacheMemory:
    """Compute the memory for a context length, summed over all GPUs that share the model."""
    per_request = cache.bytes_per_token * max_model_len
    return CacheMemory(max_model_len, per_request, per_request * max_num_seqs)


def gib_text(count: int) -> str:
    """Format bytes as "0.62 GiB": with two decimals below ten, else with one."""
    value = count / GIB
    return f"{value:.2f} GiB" if value < 10 else f"{value:,.1f} GiB"
