"""The replicas of a box: what is known of each, and how one of them is drained or started anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from backend.box.asker import Asker
from backend.box.link import FROM_NOW_ON, Box, open_link
from backend.errors import BoxUnusable, InputError
from backend.events import BoxStatus
from remote.protocol import (
    DRAIN,
    RESTART,
    ChangeReplica,
    EngineLoad,
    FromBox,
    PartLoad,
    ReplicaChanged,
    ReplicaStatus,
    Status,
)

REPLICAS_SINCE = 9
"""The first protocol version in which a box tells of its replicas, and changes them."""
_SECONDS = 30.0
"""How long to wait for the answer to a change."""
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
    which = (
        "The request that it works on begins"
        if requests == 1
        else (f"The {requests} requests that it works on begin")
    )
    return f"{which} anew, on other replicas or on this one; nothing else is repeated, and no job fails."


def change_words(replica: str, change: str) -> str:
    """Say what happens to a replica after this change was asked for."""
    return f"Replica {replica} {_DONE[change]}."


async def change_replica(box: Box, asker: Asker, replica: str, change: str) -> None:
    """Ask the box to drain a replica, or to start it anew. Raises BoxError, and InputError if it refuses."""
    async with open_link(box, asker, FROM_NOW_ON, look=True) as link:
        if link.welcome.protocol < REPLICAS_SINCE:
            raise BoxUnusable(
                f"{box.name} runs an earlier version, which cannot change replicas",
                "It is replaced when the box has no work: try again then.",
            )
        await link.send(ChangeReplica(1, replica, change))
        try:
            async with asyncio.timeout(_SECONDS):
                answer = await _answer(link.messages())
        except TimeoutError:
            answer = None
    if answer is None:
        raise BoxUnusable(f"{box.name} does not say whether it does that")
    if answer.refusal:
        raise InputError(
            f"replica {replica} of {box.name} stays as it is: {answer.refusal}",
            f"`upsample box replicas {box.name}` lists them.",
        )


async def _answer(messages: AsyncIterator[FromBox]) -> ReplicaChanged | None:
    async for message in messages:
        if isinstance(message, ReplicaChanged):
            return message
    return None
