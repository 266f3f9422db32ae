"""The measurements of a box: its GPUs and its engine's load."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """One GPU at one moment. A field is None if the driver does not report it."""

    index: int
    """The number that nvidia-smi gives the GPU, from 0."""
    name: str
    memory_used: int | None = None
    memory_total: int | None = None
    """Both in bytes."""
    utilisation: float | None = None
    """Percent of the time that it was busy, 0 to 100."""


@dataclass(frozen=True)
class PartLoad:
    """The load of one of several engines behind one server. A field is None if it is not counted."""

    name: str
    """As the server names it: "0", "1", …"""
    running: int | None = None
    waiting: int | None = None
    cache_usage: float | None = None
    """Share of its own KV cache that is in use, 0 to 1."""
    generation_rate: float | None = None
    """Answer tokens that it wrote in a second, since the last poll."""


@dataclass(frozen=True)
class ReplicaStatus:
    """One of the replicas that answer as one engine. Its load is the part of `EngineLoad` with its name."""

    name: str
    """"0", "1", …"""
    state: str
    """"placing" (it has no place yet), "starting", "ready", "away" or "failed" (it tries again by itself),
    "refused" (it serves something else than the others), "draining" (it gets no further request, and is given
    back when it has answered those that it has), or "drained" (it was given back)."""
    detail: str = ""
    """What it does at the moment, or why it does not answer."""
    node: str = ""
    """The name of its node; empty while it has none."""
    gpus: str = ""
    """The numbers of its GPUs on that node, "0,1"; empty when it has none, or does not know them."""
    slots: int = 0
    in_flight: int = 0
    """The requests that it works on."""
    restarts: int = 0


@dataclass(frozen=True)
class EngineLoad:
    """The load of an engine at one moment. A field is None if the engine does not count it."""

    running: int | None = None
    """The number of requests that it works on, from all its clients."""
    waiting: int | None = None
    """The number of requests that it has not started."""
    prompt_rate: float | None = None
    """Prompt tokens that it read in a second, since the last poll."""
    generation_rate: float | None = None
    """Answer tokens that it wrote in a second, since the last poll."""
    cache_usage: float | None = None
    """Share of the KV cache that is in use, 0 to 1; of several engines, the fullest one's."""
    parts: tuple[PartLoad, ...] = ()
    """The load of each engine where the server has several. The other fields are about all together."""
