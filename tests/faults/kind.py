"""What a kind of fault is, and what a fault may use of the batch that it hits."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Protocol

from tests.faults.field import House


class Side(StrEnum):
    """What a fault hits. Only one on the box can cost work that was done already."""

    LAPTOP = "laptop"
    LINK = "link"
    BOX = "box"


class Hit(Protocol):
    """Everything that a fault may need of a batch that runs."""

    house: House
    app: int | None
    """The process of the app, while it runs."""
    prompts: dict[str, tuple[Path, int]]
    """Where the result of each belongs: file and entry."""
    sources: dict[str, Path]
    """The pictures of the prompts that have one."""

    @property
    def is_at_work(self) -> bool:
        """Whether the present run has told of a job that is done, since its link was live last."""
        ...

    def owe(self, task: asyncio.Task[None]) -> None:
        """Something that goes on after the fault has begun: an end of a stop, a heal."""
        ...

    def expect(self, number: int, kind: Kind) -> None:
        """A process may tell that this has happened, too."""
        ...

    def between_runs(self, how: signal.Signals | None) -> AbstractAsyncContextManager[bool]:
        """No run goes on during the block. The present one is ended by this signal, or is waited for.

        Yields False when the batch is over.
        """
        ...

    def go_on_next(self) -> None:
        """The next run names no paths, and goes on with the queue."""
        ...

    def move_away(self, source: Path) -> None:
        """Rename a picture of a spec. It comes back after a job has failed, so that the batch can end."""
        ...

    def note_switch(self, label: str, known: set[str]) -> None:
        """From now on, the model server with this label is the right one for all prompts but these."""
        ...

    def invite(self, seed: int) -> bool:
        """Let a second laptop work on an overlapping batch; False when there is one already."""
        ...


class Act(Protocol):
    """One fault."""

    async def do(self, hit: Hit, number: int) -> bool:
        """Bring it about; False when there is nothing to hit now. What is ordered only tells later."""
        ...


@dataclass(frozen=True)
class Kind:
    """A row of the report."""

    name: str
    side: Side
    make: Callable[[Random], Act]
    weight: float = 2.0
    needs: str = ""
    """The engine of the houses in which it can happen; empty for any."""
    is_ordered: bool = False
    """Whether a process is told to do it, and tells when it does."""
    forgets: bool = False
    """Whether the box loses what was durable on it."""
    is_history: bool = False
    """Whether it is more than a kill, a cut or an error: something that others did meanwhile."""
