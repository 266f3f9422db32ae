"""What a box can measure of itself: its GPUs, and how much its engine has to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """One GPU at one moment; None is what its driver does not tell."""

    index: int
    """As nvidia-smi counts them, from 0."""
    name: str
    memory_used: int | None = None
    memory_total: int | None = None
    """Both in bytes."""
    utilisation: float | None = None
    """Percent of the time that it was busy, 0 to 100."""


@dataclass(frozen=True)
class EngineLoad:
    """What an engine has to do at one moment; None is what it does not count."""

    running: int | None = None
    """Requests that it works on, whoever sent them."""
    waiting: int | None = None
    """Requests that it has not begun."""
    prompt_rate: float | None = None
    generation_rate: float | None = None
    """Tokens a second since the last look: of the prompts that it reads, of the answers that it writes."""
    cache_usage: float | None = None
    """Share of the KV cache that is taken, 0 to 1."""
