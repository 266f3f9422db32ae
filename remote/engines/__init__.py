"""The interface of an engine to the daemon. `remote.engines.catalog` lists the engines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from remote.protocol import EngineLoad, ReplicaStatus, Request


@dataclass(frozen=True)
class Usage:
    """The tokens that a server counted, and bills."""

    prompt_tokens: int
    completion_tokens: int


class _WithoutAnswer(Exception):
    """A request had no answer."""

    usage: Usage | None = None
    """What the server told that it counted all the same; None when it told nothing."""


class EngineError(_WithoutAnswer):
    """The engine could not answer this request; another attempt may."""


class EngineAway(EngineError):
    """The engine's server is away: it cannot be reached, or it says that it loads or has too much to do.

    That is the server's state, and no request is its cause. The scheduler keeps the job and tries again.
    """

    def __init__(
        self,
        message: str,
        retry_after: float | None = None,
        *,
        died: bool = False,
        for_good: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds after which the server wants to be asked again; None when it does not say."""
        self.died = died
        """Whether the server was there when it got this request, and was gone before the answer's end. A
        request that does that again and again may be the cause."""
        self.for_good = for_good
        """Whether no later try can succeed unless somebody changes the box or its settings."""


class EngineGone(EngineError):
    """Whoever was to answer this request has gone: a replica that was lost, while others may go on.

    The scheduler lets the job wait again, at most MOST_LOSSES times, and goes on with all the other jobs. An
    engine that has nobody left to answer, and waits for a replica, raises EngineAway instead.
    """

    def __init__(self, message: str, *, was_asked: bool = False) -> None:
        super().__init__(message)
        self.was_asked = was_asked
        """Whether somebody asked for the end of the replica; then it is counted against no job."""


class BadRequest(_WithoutAnswer):
    """This request can never be answered: a frame is no picture, the prompt is too long, or the like."""


class EngineReplaced(Exception):
    """The engine serves something else than the request is for."""


def require_engine(request: Request, serves: str) -> None:
    """Raise EngineReplaced if an engine that serves this is not what the request is for.

    Older apps do not say what a request is for.
    """
    if request.engine not in ("", serves):
        raise EngineReplaced(
            f"the box serves {serves} now, and the request is for {request.engine}"
        )


@dataclass(frozen=True)
class Completion:
    """The last item that a generation yields: how it ended."""

    finish_reason: str
    """"stop", or "length" when it was cut off at max_tokens."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    @property
    def usage(self) -> Usage | None:
        """The tokens that the server counted; None when it does not tell."""
        if self.prompt_tokens is None or self.completion_tokens is None:
            return None
        return Usage(self.prompt_tokens, self.completion_tokens)


@dataclass(frozen=True)
class Hold:
    """The server answers this request, and takes no further one for a while: a rate limit is used up."""

    seconds: float
    reason: str


Piece = str | Hold | Completion
"""A piece of text while the engine writes it, what its server wants, or the Completion as the last item."""


class Engine(Protocol):
    """Turns requests into text. Cancelling the task that iterates `generate` cancels the generation."""

    @property
    def name(self) -> str:
        """Engine and version: "sketch 1"."""
        ...

    def serves(self) -> str:
        """A fingerprint of what answers. With another one, equal requests may get other answers. Blocks.

        Raises EngineError when it takes its server's word for the model, and has none.
        """
        ...

    @property
    def model(self) -> str:
        """The model that it took at its server's word; empty where the box's settings name the model."""
        ...

    @property
    def notice(self) -> str:
        """A sentence that every result must carry about how it was written; empty for a language model."""
        ...

    @property
    def slots(self) -> int:
        """The number of requests that it works on at once now; at least 1, also before its server is started.

        It may change at any time. The scheduler reads it whenever it looks for free slots: after each attempt
        and after each EngineStage. So an engine whose number has grown tells an EngineStage, by the callback
        that `make_engine` gives it, from the daemon's event loop. When the number becomes smaller, requests
        that run are left to end, or `generate` raises EngineGone for those whose replica has gone.
        """
        ...

    @property
    def stage(self) -> str:
        """The stage of its server, as in `Status.stage`; empty when the engine does not know."""
        ...

    async def load(self) -> EngineLoad | None:
        """Its present load; None when that is unknown. Returns within seconds and raises nothing."""
        ...

    async def context(self) -> int:
        """The context length in tokens, where its server tells it and the box's settings do not; 0 otherwise.

        Returns within seconds and raises nothing.
        """
        ...

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        """The tokens of a message without pictures, with the chat template; None when nobody counts them.

        Starts no server. Returns within seconds and raises nothing.
        """
        ...

    def generate(self, request: Request, images: Sequence[bytes]) -> AsyncIterator[Piece]:
        """Answer one request; `images` are PNG, WebP, JPEG or MP4 files in the order of `request.frames`.

        Raises BadRequest, EngineAway, EngineGone, EngineReplaced or EngineError.
        """
        ...

    async def close(self) -> None:
        """End its processes, and free its memory and the GPU."""
        ...


@runtime_checkable
class Replicated(Protocol):
    """What an engine has, too, that consists of replicas."""

    @property
    def replicas(self) -> tuple[ReplicaStatus, ...]:
        """Its replicas now; none while it does not run."""
        ...

    async def change_replica(self, name: str, change: str) -> str:
        """Do what a `ChangeReplica` asks for. Returns why that is not done; nothing when it is.

        Returns within seconds and raises nothing.
        """
        ...
