"""The requests of a run that its box is to cancel: for which jobs, and whether it was told.

A box that does not have a request says nothing to its cancel, so it is told only what it has been
sent over the same link; then one of Cancelled, Finished, Failed and Refused comes back.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable

from backend.store import Job


class Cancels:
    """By identity. Forget each of them when the box has answered it."""

    def __init__(self) -> None:
        self._wanted: dict[str, frozenset[int]] = {}
        self._held: defaultdict[str, list[Job]] = defaultdict(list)
        self._reached: set[str] = set()
        self._told: set[str] = set()
        self._changed = asyncio.Event()

    def want(self, identity: str, jobs: frozenset[int]) -> None:
        """The request is to be cancelled for these jobs, all that it answers now."""
        if identity not in self._wanted and jobs:
            self._wanted[identity] = jobs
            self._changed.set()

    def wanted_for(self, identity: str) -> frozenset[int]:
        """The jobs for which the request is to be cancelled; none when it is not."""
        return self._wanted.get(identity, frozenset())

    def hold(self, identity: str, job: Job) -> None:
        """Another job wants the request that is being cancelled: it must be made anew after that."""
        if identity in self._wanted:
            self._held[identity].append(job)

    def begin_link(self, accepted: Iterable[str]) -> None:
        """A new link: these requests are on the box, and nothing was told over it yet."""
        self._reached = set(accepted)
        self._told.clear()
        self._changed.set()

    def note_reached(self, identity: str) -> None:
        """The request was sent over the link."""
        self._reached.add(identity)
        self._changed.set()

    def due(self) -> list[str]:
        """What the box is to be told now; once it is asked for, it counts as told."""
        due = [i for i in self._wanted if i in self._reached and i not in self._told]
        self._told.update(due)
        self._changed.clear()
        return due

    async def changed(self) -> None:
        """Return when there may be more to tell."""
        await self._changed.wait()

    def forget(self, identity: str) -> list[Job]:
        """The box has answered. Returns the jobs that were held."""
        self._wanted.pop(identity, None)
        self._reached.discard(identity)
        self._told.discard(identity)
        return self._held.pop(identity, [])
