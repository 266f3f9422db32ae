"""What is known of the replicas of a box, and the words about what becomes of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from backend.events import BoxStatus
from remote.protocol import (
    DRAIN,
    RESTART,
    EngineLoad,
    PartLoad,
    ReplicaStatus,
    Status,
)

REPLICAS_SINCE = 9
"""The first protocol version in which a box tells of its replicas, and changes them."""
_DONE: Mapping[str, str] = MappingProxyType(
    {
        DRAIN: "gets no further request, ends what it has, and is given back",
        RESTART: "is started anew",
    }
)


@dataclass(frozen=True, slots=True)
class ReplicaRow:
    """What is known of a replica, or of one of the engines of a vLLM server. Text in it is the box's."""

    name: str
    state: str = ""
    """As in `ReplicaStatus`; empty for an engine of a vLLM server, which cannot be changed by itself."""
    detail: str = ""
    node: str = ""
    gpus: str = ""
    in_flight: int | None = None
    slots: int | None = None
    rate: float | None = None
    """Answer tokens that it writes in a second."""
    cache_usage: float | None = None
    restarts: int | None = None

    @property
    def may_change(self) -> bool:
        """Whether it can be drained or started anew."""
        return bool(self.state)


def replica_rows(status: Status | BoxStatus) -> list[ReplicaRow]:
    """Return a row for each replica of the box, or for each engine behind its vLLM server; none for a box
    with one engine.

    An older box does not tell the states of its replicas.
    """
    load = status.load or EngineLoad()
    parts = {part.name: part for part in load.parts}
    if status.replicas:
        return [
            _row_of_replica(it, parts.get(it.name, PartLoad(it.name))) for it in status.replicas
        ]
    slots = status.slots // len(parts) if parts else 0
    return [_row_of_part(part, slots) for part in load.parts]


def _row_of_replica(replica: ReplicaStatus, part: PartLoad) -> ReplicaRow:
    return ReplicaRow(
        replica.name,
        replica.state,
        replica.detail,
        replica.node,
        replica.gpus,
        replica.in_flight,
        replica.slots,
        part.generation_rate,
        part.cache_usage,
        replica.restarts,
    )


def _row_of_part(part: PartLoad, slots: int) -> ReplicaRow:
    return ReplicaRow(
        part.name,
        in_flight=part.running,
        slots=slots or None,
        rate=part.generation_rate,
        cache_usage=part.cache_usage,
    )


def in_flight_text(row: ReplicaRow) -> str:
    """Format how many requests it works on, of how many that it can: "3/16"; empty when that is unknown."""
    if row.in_flight is None:
        return ""
    return f"{row.in_flight}/{row.slots}" if row.slots else str(row.in_flight)


def restart_words(row: ReplicaRow) -> str:
    """Say what is repeated when this replica is started anew."""
    if row.state == "drained":
        return "It is started again, and gets requests as soon as it answers."
    requests = row.in_flight or 0
    if not requests:
        return "It works on nothing at the moment, so nothing is repeated."
    which = "The request that it works on begins"
    if requests > 1:
        which = f"The {requests} requests that it works on begin"
    return f"{which} anew, on other replicas or on this one; nothing else is repeated, and no job fails."


def change_words(replica: str, change: str) -> str:
    """Say what happens to a replica after this change was asked for."""
    return f"Replica {replica} {_DONE[change]}."
