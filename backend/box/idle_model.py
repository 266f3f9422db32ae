"""Says that a box keeps its model loaded, and with it the GPU, though nobody asks it for anything."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from backend.config import BoxSettings, EngineName
from backend.store import Job

IDLE_AFTER = 180.0
"""Seconds without work after which a loaded model is worth a word."""
_HOLDING = frozenset({EngineName.VLLM, EngineName.RAY})
"""The engines whose model the box loads into a GPU. The others need none, as a rule, or ask a server that is
not ours."""


def _holds_model(box: BoxSettings) -> bool:
    """Return whether a box loads a model for its jobs, and keeps it for `idle_timeout`."""
    return box.engine in _HOLDING


def is_idle(box: BoxSettings, seconds: float) -> bool:
    """Return whether a box that has been without work for so many seconds still holds a model that is worth
    a word.
    """
    return _holds_model(box) and IDLE_AFTER <= seconds < box.idle_timeout


def idle_words(box: BoxSettings, seconds: float) -> str:
    """Say for how long a loaded model has been idle, and when the box gives the GPU back by itself."""
    left = _minutes(box.idle_timeout - seconds)
    return f"its model is idle for {_minutes(seconds)}, and unloaded in {left}"


def kept_models(
    jobs: Iterable[Job], begun: Collection[int], boxes: Mapping[str, BoxSettings]
) -> list[str]:
    """Say at the end of a batch, of each box that holds a model and has nothing left to do, how long the
    model stays and how the GPU is given back sooner. `begun` are the jobs with which engines have begun.
    """
    used, going = set[str](), set[str]()
    for job in jobs:
        if job.number in begun:
            used.add(job.box)
        if not job.state.ended:
            going.add(job.box)
    return [
        f"{name} keeps the model loaded for {_minutes(boxes[name].idle_timeout)}; "
        f"`upsample box stop {name}` gives the GPU back now."
        for name in sorted((used - going) & boxes.keys())
        if _holds_model(boxes[name])
    ]


def _minutes(seconds: float) -> str:
    return f"{max(1, round(seconds / 60)):,} min"
