"""How a box does, and the link to it, in a few words: for a progress line, a table, a title."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from backend.events import BoxStatus, LinkState
from remote.protocol import EngineLoad, Gpu

_GB = 1 << 30
"""As GPUs are sold: one "of 80 GB" has 80 times this."""
_UNREMARKABLE = ("", "ready")


@dataclass(frozen=True, slots=True)
class Sign:
    """A glyph and a word that mean the same, for every front end."""

    glyph: str
    word: str


LINK_SIGNS = {
    LinkState.CONNECTING: Sign("◐", "connecting"),
    LinkState.WAITING: Sign("?", "waiting for you"),
    LinkState.LIVE: Sign("●", "live"),
    LinkState.STALE: Sign("◎", "stale"),
    LinkState.RETRYING: Sign("◌", "retrying"),
    LinkState.STOPPED: Sign("✗", "stopped"),
    LinkState.CLOSED: Sign("○", "closed"),
}


def link_words(state: LinkState, seconds: float | None = None) -> str:
    """The state in words; `seconds` are those until the next try, or since the last sign."""
    word = LINK_SIGNS[state].word
    match state:
        case LinkState.RETRYING if seconds is not None:
            return f"{word} in {max(seconds, 0.0):.0f} s"
        case LinkState.STALE if seconds is not None:
            return f"{word} for {seconds:.0f} s"
    return word


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


def local_time(seconds: float) -> time.struct_time:
    """What a clock here shows at a Unix time; a box may tell any number, and its own have no date."""
    try:
        return time.localtime(seconds)
    except (OverflowError, OSError, ValueError):
        return time.localtime(0)


def memory_text(used: int, total: int) -> str:
    """Bytes as "62/80 GB"."""
    return f"{used / _GB:.0f}/{total / _GB:.0f} GB"


def rate_text(load: EngineLoad | None) -> str:
    """Tokens that are written a second; empty when nobody counts them."""
    if load is None or load.generation_rate is None:
        return ""
    return f"{load.generation_rate:,.0f} tok/s"
