"""How fast a box answers with its model, by its earlier answers; from that, how long jobs will take."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.config import BoxSettings, EngineName

if TYPE_CHECKING:
    from backend.store import Store

_SKETCH_SLOTS = 4
"""How many answers the engine `sketch` writes at the same time."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a box answers with its present engine and model."""

    seconds_an_answer: float | None
    """The median time of the box's earlier answers with these; None when there are none."""
    slots: int
    """How many answers the engine writes at the same time."""

    def seconds_for(self, jobs: int) -> float | None:
        """Return about how long the engine will take for so many jobs; None without earlier answers."""
        if self.seconds_an_answer is None or not jobs:
            return None
        return self.seconds_an_answer * jobs / min(self.slots, jobs)


def together(paces: Iterable[Pace]) -> Pace:
    """Return the pace of several boxes that share jobs; it is unknown while that of one is."""
    paces = tuple(paces)
    slots = sum(pace.slots for pace in paces)
    if not all(pace.seconds_an_answer for pace in paces):
        return Pace(None, slots)
    answers_a_second = sum(pace.slots / (pace.seconds_an_answer or 1.0) for pace in paces)
    return Pace(slots / answers_a_second, slots) if answers_a_second else Pace(None, slots)


def measured_pace(store: Store, name: str, box: BoxSettings) -> Pace:
    """Return the pace of the box with this name and these settings. Blocks; raises QueueError."""
    durations = store.durations(name, box.engine, box.model)
    return Pace(statistics.median(durations) if durations else None, _slots(box))


def _slots(box: BoxSettings) -> int:
    """Return how many answers the box's engine writes at the same time with its settings."""
    replicas = max(1, box.ray.replicas) if box.engine is EngineName.RAY else 1
    return _slots_each(box) * replicas


def _slots_each(box: BoxSettings) -> int:
    match box.answering:
        case EngineName.VLLM | EngineName.RAY:
            # How many engines the GPUs allow, the box knows alone; it tells when it works.
            return box.vllm.max_num_seqs * max(1, box.vllm.data_parallel_size)
        case EngineName.OPENAI:
            return box.openai.slots
        case EngineName.LLAMA:
            return box.llama.slots
        case EngineName.SKETCH:
            return _SKETCH_SLOTS
