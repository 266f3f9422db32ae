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
from tests.support.laptop import Laptop


class Side(StrEnum):
    """What a fault hits. Only one on the box can cost work that was done already."""

    LAPTOP = "laptop"
    LINK = "link"
    BOX = "box"


@dataclass(frozen=True)
class Frozen:
    """The box had a whole batch and worked alone, with the app killed and the laptop left as it was."""

    left: int
    """Jobs that the box had not ended when the app was killed."""
    missing: tuple[str, ...]
    """Prompts that the box did not have, though the run had said that it has all."""
    has_done_all: bool
    """Whether the box ended all that it had in this time."""
    touched: tuple[str, ...]
    """Files of the laptop that were changed in this time."""


class Hit(Protocol):
    """Everything that a fault may need of a batch that runs."""

    house: House
    app: int | None
    """The process of the app, while it runs."""
    prompts: dict[str, tuple[Path, int]]
    """Where the result of each belongs: file and entry."""
    sources: dict[str, Path]
    """The pictures of the prompts that have one."""
    hands_over: bool
    """Whether runs give the box the whole batch at once, from the next one on."""

    @property
    def is_at_work(self) -> bool:
        """Whether the present run has told of a job that is done, since its link was live last."""
        ...

    @property
    def laptop(self) -> Laptop:
        """Whose batch it is."""
        ...

    @property
    def drawn_again(self) -> int:
        """How often runs have told so far that an answer was not taken, and another one is drawn."""
        ...

    @property
    def is_handed_over(self) -> bool:
        """Whether the present run has told that the box has all that is left."""
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

    def note_frozen(self, frozen: Frozen) -> None:
        """The box has worked alone."""
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
