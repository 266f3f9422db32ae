"""What the daemon asks of an engine. Which engines there are is said in `remote.engines.catalog`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from remote.protocol import EngineLoad, Request


class EngineError(Exception):
    """The engine could not answer this request; another attempt may."""


class BadRequest(Exception):
    """This request can never be answered (a frame that is no picture, a prompt that is too long)."""


@dataclass(frozen=True)
class Completion:
    """How a generation ended; the last thing that it yields."""

    finish_reason: str
    """"stop", or "length" when it was cut off at max_tokens."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


Piece = str | Completion
"""Text as it is written, and at the very end, once, how it ended."""


class Engine(Protocol):
    """Turns requests into text. Cancelling the task that iterates `generate` cancels the generation."""

    @property
    def name(self) -> str:
        """Engine and version: "sketch 1"."""
        ...

    @property
    def notice(self) -> str:
        """What every result must say about how it was written; empty for a language model."""
        ...

    @property
    def slots(self) -> int:
        """Requests worked on at once."""
        ...

    @property
    def stage(self) -> str:
        """How far its server is, as in `Status.stage`; empty when the engine does not know."""
        ...

    async def load(self) -> EngineLoad | None:
        """What it has to do now; None when nothing can tell. Returns within seconds and raises nothing."""
        ...

    def generate(self, request: Request, images: Sequence[bytes]) -> AsyncIterator[Piece]:
        """Answer one request; `images` are PNG files in the order of `request.frames`.

        Raises BadRequest or EngineError.
        """
        ...

    async def close(self) -> None:
        """Give everything back: processes, memory, the GPU."""
        ...
