"""How a box does, in a few words: for a progress line, a table, a title."""

from __future__ import annotations

from collections.abc import Sequence

from backend.events import BoxStatus
from remote.protocol import EngineLoad, Gpu

_GB = 1 << 30
"""As GPUs are sold: one "of 80 GB" has 80 times this."""
_UNREMARKABLE = ("", "ready")


def status_parts(status: BoxStatus, *, jobs: bool = True) -> list[str]:
    """What there is to say, the most telling first: "GPU 71 % 62/80 GB", "3 running 12 waiting", …

    `jobs`: with what waits and runs on the box. Data from outside: sanitise before showing.
    """
    parts = [status.stage if status.stage not in _UNREMARKABLE else "", gpus_text(status.gpus)]
    if jobs and (status.jobs_running or status.jobs_waiting):
        parts.append(f"{status.jobs_running} running {status.jobs_waiting} waiting")
    parts.append(rate_text(status.load))
    return [part for part in parts if part]


def gpus_text(gpus: Sequence[Gpu]) -> str:
    """All of them as one: how busy on average, and how full together; empty when there is none."""
    if not gpus:
        return ""
    busy = [gpu.utilisation for gpu in gpus if gpu.utilisation is not None]
    used = [gpu.memory_used for gpu in gpus if gpu.memory_used is not None]
    total = [gpu.memory_total for gpu in gpus if gpu.memory_total is not None]
    words = ["GPU" if len(gpus) == 1 else f"{len(gpus)} GPUs"]
    if len(busy) == len(gpus):
        words.append(f"{sum(busy) / len(busy):.0f} %")
    if len(used) == len(total) == len(gpus):
        words.append(memory_text(sum(used), sum(total)))
    return " ".join(words)


def memory_text(used: int, total: int) -> str:
    """Bytes as "62/80 GB"."""
    return f"{used / _GB:.0f}/{total / _GB:.0f} GB"


def rate_text(load: EngineLoad | None) -> str:
    """Tokens that are written a second; empty when nobody counts them."""
    if load is None or load.generation_rate is None:
        return ""
    return f"{load.generation_rate:,.0f} tok/s"
