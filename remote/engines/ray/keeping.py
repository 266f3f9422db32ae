"""Keeps as many replicas as there should be: starts each, looks at it, and starts lost ones again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from remote.engines.ray.bounded import bounded
from remote.engines.ray.cluster import Cluster, ClusterNode, Lost, Replica
from remote.engines.ray.messages import News, ReplicaSetState, Said, Trouble
from remote.engines.ray.replica_set import (
    Phase,
    ReplicaMember,
    ReplicaSet,
    gpus_of_replica,
    replicas_wanted,
    why_no_place,
)
from remote.protocol import Setup

_NODES_SECONDS = 2.0
"""Seconds between two looks at the cluster's nodes."""
_QUICK_LOOK_SECONDS = 0.5
_LOOK_SECONDS = 1.5
"""Seconds between two looks at a replica that starts, and at one that answers."""
_SILENCE_SECONDS = 10.0
"""Seconds after which a replica that does not answer a look is lost."""
_PLACE_SECONDS = 60.0
"""Seconds in which a replica should get a place in the cluster."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds until a replica is started again that was lost before it answered; each time twice as long."""
_CLOSE_SECONDS = 20.0


@dataclass
class Life:
    """A replica from one start to its end."""

    replica: Replica
    lost: asyncio.Future[str]
    """Why it is lost, once it is."""

    def lose(self, why: str) -> None:
        if not self.lost.done():
            self.lost.set_result(why)


@dataclass
class Kept:
    """A member of the replicas, and what keeps it."""

    member: ReplicaMember
    keeping: asyncio.Task[None] | None = None
    life: Life | None = None
    node: ClusterNode | None = None
    placing_since: float = field(default_factory=time.monotonic)


class Keeper:
    """Keeps the replicas of one setup. Make one inside its event loop."""

    def __init__(
        self, cluster: Cluster, setup: Setup, tell: Callable[[ReplicaSetState | Said], None]
    ) -> None:
        assert setup.ray is not None  # noqa: S101 - for mypy
        self._cluster = cluster
        self._replicas = setup.ray.replicas
        self._gpus = gpus_of_replica(setup)
        self._tell = tell
        self._set = ReplicaSet()
        self._kept: dict[int, Kept] = {}
        self._nodes: tuple[ClusterNode, ...] = ()
        self._changed = asyncio.Event()
        self._told: ReplicaSetState | None = None

    async def run(self) -> None:
        """Keep them until cancelled. `end` ends them."""
        while True:
            await self._tend()
            await asyncio.sleep(_NODES_SECONDS)

    @property
    def serves(self) -> str:
        """What the replicas agree on."""
        return self._set.serves

    @property
    def lives(self) -> dict[int, Life]:
        """The replicas that are not lost, by their numbers."""
        return {number: kept.life for number, kept in self._kept.items() if kept.life is not None}

    async def free_replica(self, number: int) -> Kept | Trouble:
        """Wait for a replica with a free slot, and take the slot; a Trouble when none will have one soon."""
        while True:
            member = self._set.choose()
            if member is not None and self._kept[member.number].life is not None:
                member.in_flight.add(number)
                return self._kept[member.number]
            if trouble := self._set.hopeless(number, self._place_words):
                return trouble
            with contextlib.suppress(asyncio.TimeoutError):
                await bounded(self._changed.wait(), _LOOK_SECONDS)

    def free_slot(self, kept: Kept, number: int, away: str = "") -> None:
        """A replica does not work on this request any more; `away` is why it takes no further one."""
        member = kept.member
        member.in_flight.discard(number)
        if away and member.state is Phase.READY:
            # The replica says so itself at the next look; until then it gets nothing more.
            member.state, member.detail = Phase.AWAY, away
        self._change()

    async def end(self) -> None:
        """End all replicas and the cluster, as far as they answer in time."""
        closing = [asyncio.ensure_future(_close(life.replica)) for life in self.lives.values()]
        if closing:
            await asyncio.wait(closing, timeout=_CLOSE_SECONDS)
        tasks = [*closing, *(kept.keeping for kept in self._kept.values() if kept.keeping)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._cluster.leave()

    async def _tend(self) -> None:
        """Look at the nodes, and see to it that there are as many replicas as there should be."""
        with contextlib.suppress(OSError):  # the head may come back
            self._nodes = await self._cluster.nodes()
        self._set.nodes = len(self._nodes)
        gpus = [node.gpus for node in self._nodes]
        wanted = replicas_wanted(self._replicas, self._gpus, gpus)
        # Those without a place go first, then the newest.
        members = sorted(self._set.members, key=lambda it: (it.news is None, it.number))
        for member in members[wanted:]:
            member.is_unwanted = True
        for member in members[:wanted]:
            member.is_unwanted = False
        numbers = {member.number for member in members}
        free = (number for number in range(len(members) + wanted) if number not in numbers)
        for _ in range(wanted - len(members)):
            kept = Kept(ReplicaMember(next(free)))
            self._set.members.append(kept.member)
            self._kept[kept.member.number] = kept
            kept.keeping = asyncio.create_task(self._keep(kept))
        self._change()

    async def _keep(self, kept: Kept) -> None:
        """Start this replica, and again whenever it is lost, until it is not wanted any more."""
        member, pause = kept.member, _FIRST_PAUSE
        try:
            while not member.is_unwanted:
                kept.placing_since = time.monotonic()
                kept.node = self._choose_node(member)
                was_ready, why = await self._live(kept)
                if not why:
                    continue
                self._say("warning", f"replica {member.number} is lost: {why}")
                member.lose(why)
                self._change()
                if was_ready:
                    pause = _FIRST_PAUSE
                    continue
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        finally:
            self._set.members.remove(member)
            del self._kept[member.number]
            self._change()

    async def _live(self, kept: Kept) -> tuple[bool, str]:
        """Keep the replica from one start to its end. Returns whether it has answered, and why it is lost."""
        member, was_ready, why = kept.member, False, "it was ended"
        life: Life | None = None
        try:
            replica = await self._cluster.start(kept.node)
            life = kept.life = Life(replica, asyncio.get_running_loop().create_future())
            news = await self._until_placed(kept, life)
            self._say("info", f"replica {member.number} starts on {news.node}")
            while not (member.is_unwanted and not member.in_flight):
                was_ready = was_ready or member.state is Phase.READY
                await self._hear_news(member, news)
                pause = _LOOK_SECONDS if member.state is Phase.READY else _QUICK_LOOK_SECONDS
                done, _ = await asyncio.wait([life.lost], timeout=pause)
                if done:
                    raise Lost(life.lost.result())
                news = await bounded(replica.look(), _SILENCE_SECONDS)
            self._say("info", f"replica {member.number} is given back")
            await bounded(replica.close(), _CLOSE_SECONDS)
            why = ""
        except Lost as error:
            why = str(error) or "it has died"
        except asyncio.TimeoutError:
            why = f"it has not answered for {_SILENCE_SECONDS:.0f} s"
        finally:
            kept.life = None
            if life is not None:
                life.lose(why or "it was given back")
                life.replica.kill()
        return was_ready, why

    async def _until_placed(self, kept: Kept, life: Life) -> News:
        """Wait for the first look at a replica, for as long as it is wanted."""
        looking = asyncio.ensure_future(life.replica.look())
        try:
            while not looking.done():
                await asyncio.wait([looking], timeout=_QUICK_LOOK_SECONDS)
                if kept.member.is_unwanted or self._has_left(kept.node):
                    raise Lost("its place is gone")
                self._change_if_hopeless(kept)
            return looking.result()
        finally:
            looking.cancel()

    def _has_left(self, node: ClusterNode | None) -> bool:
        return node is not None and all(node.key != it.key for it in self._nodes)

    def _change_if_hopeless(self, kept: Kept) -> None:
        if time.monotonic() - kept.placing_since > _PLACE_SECONDS:
            kept.member.detail = self._place_words
            self._change()

    async def _hear_news(self, member: ReplicaMember, news: News) -> None:
        before = (member.state, member.detail)
        member.hear(news)
        for refused in self._set.agree():
            if refused is not member or before[0] is not Phase.REFUSED:
                self._say("warning", f"replica {refused.number} on {news.node}: {refused.detail}")
        after = (member.state, member.detail)
        if before != after and member.state in (Phase.FAILED, Phase.AWAY):
            self._say("warning", f"replica {member.number} on {news.node}: {member.detail}")
        elif before[0] is not Phase.READY and member.state is Phase.READY:
            self._say("info", f"replica {member.number} on {news.node} answers")
        self._change()

    def _choose_node(self, member: ReplicaMember) -> ClusterNode | None:
        """The node for a replica that needs no GPU: the one with the fewest. Ray chooses those with GPUs."""
        if self._gpus or not self._nodes:
            return None
        others = [kept.node for kept in self._kept.values() if kept.member is not member]
        keys = [node.key for node in others if node is not None]
        return min(self._nodes, key=lambda it: keys.count(it.key))

    @property
    def _place_words(self) -> str:
        """Why no replica gets a place; empty while one may still get it."""
        now = time.monotonic()
        since = [it.placing_since for it in self._kept.values() if it.member.news is None]
        if since and now - min(since) <= _PLACE_SECONDS:
            return ""
        if not since and (self._kept or not self._told):
            return ""
        return why_no_place(self._gpus, [node.gpus for node in self._nodes])

    def _change(self) -> None:
        """Something has changed: tell the daemon, and wake the requests that wait for a replica."""
        state = self._set.describe()
        if self._told is None or _without_load(state) != _without_load(self._told):
            self._told = state
            self._tell(state)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _say(self, level: str, text: str) -> None:
        self._tell(Said(level, text))


def _without_load(state: ReplicaSetState) -> ReplicaSetState:
    return replace(state, each=tuple(replace(it, in_flight=0) for it in state.each))


async def _close(replica: Replica) -> None:
    with contextlib.suppress(Lost):
        await replica.close()
