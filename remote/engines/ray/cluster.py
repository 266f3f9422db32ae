"""What a driver needs of a Ray cluster and its replicas. `driver` has it with Ray; tests have others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from remote.engines.ray.messages import Joined, News, Piece
from remote.protocol import EngineLoad, Request


class CannotJoin(Exception):
    """There is no cluster for this driver."""

    def __init__(self, message: str, *, for_good: bool) -> None:
        super().__init__(message)
        self.for_good = for_good
        """As in `Unable`."""


class Lost(Exception):
    """A replica has died, or cannot be reached any more."""


@dataclass(frozen=True)
class ClusterNode:
    """A node of the cluster that is alive."""

    key: str
    name: str
    gpus: float


class Replica(Protocol):
    """A replica as the driver sees it. Each method raises Lost."""

    async def look(self) -> News:
        """How it is. The first look lasts until the replica has a place."""
        ...

    def generate(
        self, number: int, request: Request, pictures: Sequence[bytes]
    ) -> AsyncIterator[Piece]:
        """What it says of this request; a Done or a Trouble is the last."""
        ...

    async def drop(self, number: int) -> None:
        """Cancel a request there."""
        ...

    async def load(self) -> EngineLoad | None:
        """Its load."""
        ...

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        """As `Engine.count_tokens`."""
        ...

    async def close(self) -> None:
        """Let it end its engine."""
        ...

    def kill(self) -> None:
        """End its process. Does not wait, and raises nothing."""
        ...


class Cluster(Protocol):
    """What a driver needs of a Ray cluster."""

    async def join(self) -> Joined:
        """Join the cluster, or start one. Raises CannotJoin."""
        ...

    async def nodes(self) -> tuple[ClusterNode, ...]:
        """The nodes that are alive. Raises OSError."""
        ...

    async def start(self, node: ClusterNode | None) -> Replica:
        """Start a replica, on this node if one is given. Raises Lost."""
        ...

    async def leave(self) -> None:
        """End what `join` has started."""
        ...
