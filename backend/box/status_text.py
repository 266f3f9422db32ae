"""Describes the state of a box and of its link in a few words, for a progress line, a table or a title."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from backend.events import (
    AnsweredTwice,
    BoxStatus,
    DispatcherChanged,
    HandedOver,
    HandingOver,
    LinkState,
)
from remote.protocol import AWAY, SERVING, EngineLoad, Gpu

_GB = 1 << 30
"""Bytes of a GB as sellers of GPUs count: "80 GB" are 80 times this."""
FIRST_STAGE = "starting"
"""The stage with which every start of an engine begins."""
READY = "ready"
"""The stage of an engine that answers."""
_UNREMARKABLE = ("", READY)
"""Stages of an engine that are not worth showing."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A glyph and a word for a state, for every front end."""

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
    """Describe the state. `seconds` are the time until the next attempt, or since the last message."""
    word = LINK_SIGNS[state].word
    match state:
        case LinkState.RETRYING if seconds is not None:
            return f"{word} in {max(seconds, 0.0):.0f} s"
        case LinkState.STALE if seconds is not None:
            return f"{word} for {seconds:.0f} s"
    return word


def answered_twice_words(event: AnsweredTwice) -> str:
    """Return a sentence on the answer of a second box."""
    return f"{event.name}: {event.box} has answered, too; that is kept as job {event.candidate}, for a review"


def away_words(stage: str) -> str:
    """Return what a stage says of a model server that is away; empty for any other stage."""
    return stage.removeprefix(AWAY) if stage.startswith(AWAY) else ""


def is_ready(stage: str) -> bool:
    """Return whether an engine with this stage answers, or a part of it."""
    return stage == READY or stage.startswith(SERVING)


def stage_words(stage: str) -> str:
    """Return a stage as it is shown: "6 of 8 replicas · 3 nodes" for one of which a part answers."""
    return stage.removeprefix(SERVING)


def status_parts(status: BoxStatus, *, jobs: bool = True) -> list[str]:
    """Describe a status in parts, most important first: "GPU 71 % 62/80 GB", "3 of 8 running 12 waiting", …

    With `jobs`, the parts include the number of jobs. The text comes from the box: sanitise it before
    showing.
    """
    stage = "" if status.stage in _UNREMARKABLE else stage_words(status.stage)
    parts = [stage, gpus_text(status.gpus)]
    if jobs:
        parts.append(jobs_text(status))
    parts.append(rate_text(status.load))
    return [part for part in parts if part]


def jobs_text(status: BoxStatus) -> str:
    """Describe the jobs of a box: "3 of 8 running 12 waiting"; empty when it has none."""
    if not status.jobs_running and not status.jobs_waiting:
        return ""
    slots = f" of {status.slots:,}" if status.slots else ""
    return f"{status.jobs_running}{slots} running {status.jobs_waiting} waiting"


def gpus_text(gpus: Sequence[Gpu]) -> str:
    """Describe all GPUs together: their average load and the sum of their memory; empty when there is
    none."""
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
    """Convert a Unix time from a box to local time. A number that is not a date becomes 0."""
    try:
        return time.localtime(seconds)
    except (OverflowError, OSError, ValueError):
        return time.localtime(0)


def memory_text(used: int, total: int) -> str:
    """Format bytes as "62/80 GB"."""
    return f"{used / _GB:.0f}/{total / _GB:.0f} GB"


def rate_text(load: EngineLoad | None) -> str:
    """Format the tokens that the engine writes in a second; empty when it does not count them."""
    if load is None or load.generation_rate is None:
        return ""
    return f"{load.generation_rate:,.0f} tok/s"


def hand_over_words(event: HandingOver | HandedOver) -> str:
    """Say in a few words how far a box is given all jobs: "187 of the 200 left are on the box"."""
    match event:
        case HandingOver():
            return f"{event.on_box:,} of the {event.jobs:,} left are on the box"
        case HandedOver():
            return f"all on the box; you may close {_may_be_closed(event)}"


def short_hand_over(event: HandingOver | HandedOver) -> str:
    """Say the same where there is little room: "187 of 200 on the box"."""
    match event:
        case HandingOver():
            return f"{event.on_box:,} of {event.jobs:,} on the box"
        case HandedOver():
            return "all on the box"


def _may_be_closed(event: HandedOver) -> str:
    return "upsample" if event.is_here else "this machine"


def work_text(event: DispatcherChanged | HandedOver) -> str:
    """Say in a sentence where the work is done from now on. Names in it are not sanitised."""
    match event:
        case HandedOver():
            jobs = "The last job is" if event.jobs == 1 else f"All {event.jobs:,} jobs are"
            close = _may_be_closed(event)
            return f"{jobs} on {event.box}, which goes on by itself; you may close {close}."
        case DispatcherChanged(holder=""):
            return "That has ended: this one goes on."
        case DispatcherChanged():
            return (
                f"{event.holder} works on the queue. What it does not do of this is done after it."
            )
