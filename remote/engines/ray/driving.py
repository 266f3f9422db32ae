"""The driver's work: gives each request to a replica, and tells the daemon what comes.

It knows nothing of Ray.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TypeVar

from remote.engines.ray.bounded import bounded
from remote.engines.ray.cluster import CannotJoin, Cluster, Lost, Replica
from remote.engines.ray.keeping import Keeper, Kept
from remote.engines.ray.life import Life
from remote.engines.ray.messages import (
    AWAY,
    ENDED,
    GONE,
    REPLACED,
    AskChange,
    AskLoad,
    AskTokens,
    Beat,
    Counted,
    DriverSetup,
    Drop,
    End,
    FromDriver,
    Generate,
    Given,
    Heeded,
    Load,
    Text,
    ToDriver,
    Trouble,
    Unable,
)
from remote.protocol import EngineLoad, PartLoad, Request, Setup

N = TypeVar("N", int, float)

BEAT_SECONDS = 2.0
_LOAD_SECONDS = 1.5
_TOKENS_SECONDS = 5.0


class Driver:
    """Answers for the replicas of one setup. Make one inside its event loop."""

    def __init__(self, cluster: Cluster, setup: Setup, tell: Callable[[FromDriver], None]) -> None:
        self._cluster = cluster
        self._keeper = Keeper(cluster, setup, tell)
        self._tell = tell
        self._answers: dict[int, asyncio.Task[None]] = {}
        self._others: set[asyncio.Task[None]] = set()
        """Questions and cancels that are on their way to replicas."""

    async def run(self) -> None:
        """Join the cluster and keep its replicas, until cancelled; then end them."""
        beating = asyncio.create_task(self._beat())
        try:
            self._tell(await self._cluster.join())
            await self._keeper.run()
        except CannotJoin as error:
            self._tell(Unable(str(error), error.for_good))
        finally:
            tasks = [*self._answers.values(), *self._others]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._keeper.end()
            beating.cancel()

    def hear(self, message: ToDriver, pictures: Sequence[bytes]) -> bool:
        """Do what the daemon asks for. Returns False when that is to end."""
        if isinstance(message, Generate):
            number = message.number
            task = asyncio.create_task(self._answer(number, message.request, pictures))
            self._answers[number] = task
            task.add_done_callback(lambda _: self._answers.pop(number, None))
        elif isinstance(message, Drop):
            if dropped := self._answers.get(message.number):
                dropped.cancel()
        elif isinstance(message, AskLoad):
            self._do_beside(self._tell_load(message.number))
        elif isinstance(message, AskTokens):
            self._do_beside(self._tell_tokens(message))
        elif isinstance(message, AskChange):
            refusal = self._keeper.change(message.replica, message.change)
            self._tell(Heeded(message.number, refusal))
        return not isinstance(message, (End, DriverSetup))

    def _do_beside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._others.add(task)
        task.add_done_callback(self._others.discard)

    async def _beat(self) -> None:
        while True:
            self._tell(Beat())
            await asyncio.sleep(BEAT_SECONDS)

    async def _answer(self, number: int, request: Request, pictures: Sequence[bytes]) -> None:
        """Give the request to a replica, and to another one if it could not begin there."""
        while True:
            kept = await self._keeper.free_replica(number)
            if isinstance(kept, Trouble):
                return self._tell(kept)
            away = ""
            try:
                serves = self._keeper.serves
                if request.engine not in ("", serves):
                    words = (
                        f"the cluster serves {serves} now, and the request is for {request.engine}"
                    )
                    return self._tell(Trouble(number, REPLACED, words))
                self._tell(Given(number, kept.member.number))
                end = await self._relay(kept, number, request, pictures)
                away = end.message if end is not None and end.kind == AWAY else ""
            finally:
                self._keeper.free_slot(kept, number, away)
            if end is None:
                return None
            if end.kind != AWAY:
                return self._tell(end)

    async def _relay(
        self, kept: Kept, number: int, request: Request, pictures: Sequence[bytes]
    ) -> Trouble | None:
        """Tell the daemon what a replica says of a request. Returns the Trouble that has ended it, if any.

        A Trouble of kind AWAY means that the replica has said nothing of the answer.
        """
        life, member = kept.life, kept.member
        if life is None:
            return Trouble(number, AWAY, "it was lost before it had the request")
        where = f"replica {member.number} on {member.news.node}" if member.news else "a replica"
        has_text = False

        async def relay() -> Trouble | None:
            nonlocal has_text
            async for piece in life.replica.generate(number, request, pictures):
                if isinstance(piece, Trouble):
                    return piece
                self._tell(piece)
                has_text = has_text or isinstance(piece, Text)
            return None

        relaying = asyncio.create_task(relay())
        waiting: list[asyncio.Future[Trouble | None] | asyncio.Future[str]] = [relaying, life.lost]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not relaying.done():
                return _gone(number, where, life)
            end = relaying.result()
        except Lost as error:
            life.lose(str(error))
            return _gone(number, where, life)
        except asyncio.CancelledError:
            self._do_beside(_drop(life.replica, number))
            raise
        finally:
            relaying.cancel()
            await asyncio.gather(relaying, return_exceptions=True)
        if end is not None and end.kind == AWAY and has_text:
            return Trouble(number, GONE, f"{where}: {end.message}")
        return end

    async def _tell_load(self, number: int) -> None:
        asking = {
            replica: asyncio.ensure_future(_load(life.replica))
            for replica, life in self._keeper.lives.items()
        }
        if asking:
            await asyncio.wait(asking.values(), timeout=_LOAD_SECONDS)
        told = {n: it.result() for n, it in asking.items() if it.done() and not it.cancelled()}
        for task in asking.values():
            task.cancel()
        loads = {str(n): load for n, load in told.items() if load is not None}
        self._keeper.tell()
        self._tell(Load(number, sum_of_loads(loads)))

    async def _tell_tokens(self, asked: AskTokens) -> None:
        tokens: int | None = None
        for life in list(self._keeper.lives.values())[:1]:
            with contextlib.suppress(Lost, asyncio.TimeoutError):
                counting = life.replica.count_tokens(asked.system, asked.prompt)
                tokens = await bounded(counting, _TOKENS_SECONDS)
        self._tell(Counted(asked.number, tokens))


def sum_of_loads(loads: Mapping[str, EngineLoad]) -> EngineLoad | None:
    """The load of several replicas together, with that of each as a part, by their names."""
    if not loads:
        return None
    return EngineLoad(
        running=_sum([load.running for load in loads.values()]),
        waiting=_sum([load.waiting for load in loads.values()]),
        prompt_rate=_sum([load.prompt_rate for load in loads.values()]),
        generation_rate=_sum([load.generation_rate for load in loads.values()]),
        cache_usage=max(
            (it.cache_usage for it in loads.values() if it.cache_usage is not None), default=None
        ),
        parts=tuple(
            PartLoad(name, load.running, load.waiting, load.cache_usage, load.generation_rate)
            for name, load in loads.items()
        ),
    )


def _sum(values: Sequence[N | None]) -> N | None:
    """The sum of those that are known; None when none is."""
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None


def _gone(number: int, where: str, life: Life) -> Trouble:
    life.repeated.add(number)
    kind, words = (ENDED, where) if life.was_asked else (GONE, f"{where} is lost")
    return Trouble(number, kind, f"{words}: {life.lost.result()}")


async def _drop(replica: Replica, number: int) -> None:
    with contextlib.suppress(Lost):
        await replica.drop(number)


async def _load(replica: Replica) -> EngineLoad | None:
    with contextlib.suppress(Lost):
        return await replica.load()
    return None
