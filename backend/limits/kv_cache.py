"""What a context length costs on the GPU: the KV cache, in which vLLM keeps every token of a request."""

from __future__ import annotations

from dataclasses import dataclass

from backend.config.profiles import KvCache

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class CacheMemory:
    """Bytes of the KV cache at one context length."""

    max_model_len: int
    per_request: int
    """Of one request that fills the context; vLLM does not start with less."""
    most: int
    """When `max_num_seqs` requests do. vLLM starts with less, and then works on fewer at once."""


def cache_memory(cache: KvCache, max_model_len: int, max_num_seqs: int) -> CacheMemory:
    """What this context length takes. All GPUs together, where several share the model."""
    per_request = cache.bytes_per_token * max_model_len
    return CacheMemory(max_model_len, per_request, per_request * max_num_seqs)


def gib_text(count: int) -> str:
    """ "0.62 GiB": two digits after the point below ten, one from there on."""
    value = count / GIB
    return f"{value:.2f} GiB" if value < 10 else f"{value:,.1f} GiB"
