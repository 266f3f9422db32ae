"""Keeps as many replicas as there should be: starts each, looks at it, and starts lost ones again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from remote.engines.ray.bounded import bounded
from remote.engines.ray.cluster import Cluster, ClusterNode, Lost, Replica
from remote.engines.ray.head_watch import HeadWatch
from remote.engines.ray.life import SILENCE_SECONDS, Life
from remote.engines.ray.losses import Loss, Losses
from remote.engines.ray.messages import News, ReplicaSetState, Said, Trouble
from remote.engines.ray.replica_set import (
    Phase,
    ReplicaMember,
    ReplicaSet,
    fits_nowhere,
    gpus_of_replica,
    replicas_wanted,
    why_no_place,
)
from remote.protocol import DRAIN, RESTART, Setup

_NODES_SECONDS = 2.0
"""Seconds between two looks at the cluster's nodes."""
_QUICK_LOOK_SECONDS = 0.5
_LOOK_SECONDS = 1.5
"""Seconds between two looks at a replica that starts, and at one that answers."""
_PLACE_SECONDS = 60.0
"""Seconds in which a replica should get a place in the cluster."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds until a replica is started again that was lost before it answered; each time twice as long."""
_CLOSE_SECONDS = 20.0
_RESTART_SECONDS = 10.0
"""Seconds in which a replica that is to be started anew ends its model server itself."""


@dataclass
class Kept:
    """A member of the replicas, and what keeps it."""

    member: ReplicaMember
    keeping: asyncio.Task[None] | None = None
    life: Life | None = None
    node: ClusterNode | None = None
    placing_since: float = field(default_factory=time.monotonic)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    """Is set when something else is wanted of it than before."""


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
        self._head = HeadWatch(setup.ray.address)
        self._set = ReplicaSet()
        self._kept: dict[int, Kept] = {}
        self._nodes: tuple[ClusterNode, ...] = ()
        self._changed = asyncio.Event()
        self._told: ReplicaSetState | None = None
        self._losses = Losses()

    async def run(self) -> None:
        """Keep them until cancelled. `end` ends them."""
        self._head.note_answer()  # the cluster was joined just now, which may have taken minutes
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

    def change(self, name: str, change: str) -> str:
        """Do what a `ChangeReplica` asks for. Returns why that is not done; nothing when it is."""
        kept = next((it for it in self._kept.values() if str(it.member.number) == name), None)
        if kept is None:
            numbers = ", ".join(str(it.number) for it in self._set.members) or "none yet"
            return f"there is no replica {name}; there are {numbers}"
        if change == DRAIN:
            refusal = self._drain(kept)
        elif change == RESTART:
            refusal = self._restart(kept)
        else:
            refusal = f"the box does not know how to {change} a replica"
        kept.woken.set()
        self._change()
        return refusal

    def _drain(self, kept: Kept) -> str:
        member = kept.member
        if member.is_drained:
            return f"replica {member.number} is {member.phase.value} already"
        if not any(it is not member and not it.is_drained for it in self._set.members):
            return "it is the last one that is not drained; `upsample box stop` gives all back"
        member.drain()
        self._say("info", f"replica {member.number} is drained, as was asked")
        return ""

    def _restart(self, kept: Kept) -> str:
        member, words = kept.member, "it is started anew, as was asked"
        self._say("info", f"replica {member.number}: {words}")
        if member.phase is not Phase.DRAINED:
            member.lose(words)
        member.start_again()
        if kept.life is not None:
            kept.life.was_asked = True
            kept.life.lose(words)
        return ""

    def tell(self) -> None:
        """Tell the daemon how all replicas are, if it was told otherwise before."""
        state = self._describe()
        if state != self._told:
            self._told = state
            self._tell(state)

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
        try:
            self._nodes = await self._cluster.nodes()
        except OSError:  # the head may come back
            self._warn(self._head.note_silence())
        else:
            self._warn(self._head.note_answer())
        self._set.nodes = len(self._nodes)
        for words in self._losses.tell(node.name for node in self._nodes):
            self._warn(words)
        gpus = [node.gpus for node in self._nodes]
        wanted = replicas_wanted(self._replicas, self._gpus, gpus)
        left = {it.number for it in self._set.members if self._has_left_drained(it)}
        # Those without a place go first, then the newest. A drained one keeps the place that it has left, or
        # another one would take it.
        members = sorted(
            (it for it in self._set.members if it.number not in left),
            key=lambda it: (not (it.is_drained and it.left_node), it.news is None, it.number),
        )
        unwanted = left.union(it.number for it in members[wanted:])
        for kept in self._kept.values():
            kept.member.is_unwanted = kept.member.number in unwanted
            kept.woken.set()
        numbers = self._kept.keys()
        free = [number for number in range(len(numbers) + wanted) if number not in numbers]
        for number in free[: max(0, wanted - len(members))]:
            kept = Kept(ReplicaMember(number))
            self._set.members.append(kept.member)
            self._kept[kept.member.number] = kept
            kept.keeping = asyncio.create_task(self._keep(kept))
        self._change()

    async def _keep(self, kept: Kept) -> None:
        """Start this replica, and again whenever it is lost, until it is not wanted any more."""
        member, pause = kept.member, _FIRST_PAUSE
        try:
            while not member.is_unwanted:
                if member.is_drained:
                    kept.woken.clear()
                    await kept.woken.wait()
                    continue
                kept.placing_since = time.monotonic()
                kept.node = self._choose_node(member)
                was_ready, why = await self._live(kept)
                if not why:
                    continue
                member.lose(why)
                self._change()
                if was_ready:
                    pause = _FIRST_PAUSE
                    continue
                await self._rest(kept, pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        finally:
            self._set.members.remove(member)
            del self._kept[member.number]
            self._change()

    async def _rest(self, kept: Kept, seconds: float) -> None:
        """Wait so long, or until somebody asks for this replica."""
        asked, until = kept.member.times_asked_for, time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and kept.member.times_asked_for == asked:
            kept.woken.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await bounded(kept.woken.wait(), left)

    async def _live(self, kept: Kept) -> tuple[bool, str]:
        """Keep the replica from one start to its end. Returns whether it has answered, and why it is lost;
        nothing when its end was wanted.
        """
        member, was_ready, why = kept.member, False, "it was ended"
        life: Life | None = None
        news: News | None = None
        try:
            replica = await self._cluster.start(kept.node)
            life = kept.life = Life(replica, asyncio.get_running_loop().create_future())
            news = await self._until_placed(kept, life)
            self._say("info", f"replica {member.number} starts on {news.node}")
            while not (member.is_unwanted or member.is_drained) or member.in_flight:
                await self._hear_news(member, news)
                was_ready = was_ready or member.state is Phase.READY
                pause = _LOOK_SECONDS if member.state is Phase.READY else _QUICK_LOOK_SECONDS
                await asyncio.wait([life.lost], timeout=pause)
                news = await life.look()
            self._say("info", f"replica {member.number} is given back")
            with contextlib.suppress(asyncio.TimeoutError):  # it is killed then
                await bounded(replica.close(), _CLOSE_SECONDS)
            member.give_back()
            why = ""
        except Lost as error:
            why = str(error) or "it has died"
            if life is not None and life.was_asked:
                why = ""
                if news is not None:
                    with contextlib.suppress(Lost, asyncio.TimeoutError):
                        await bounded(life.replica.close(), _RESTART_SECONDS)
        except asyncio.TimeoutError:
            why = f"it has not answered for {SILENCE_SECONDS:.0f} s"
        finally:
            kept.life = None
            if life is not None:
                life.lose(why or "it was given back")
                life.replica.kill()
        if why:
            node = news.node if news is not None else ""
            repeated = set() if life is None else life.repeated
            repeated.update(member.in_flight)
            self._losses.note(Loss(member.number, node, why, repeated))
        return was_ready, why

    async def _until_placed(self, kept: Kept, life: Life) -> News:
        """Wait for the first look at a replica, for as long as it is wanted."""
        looking = asyncio.ensure_future(life.replica.look())
        try:
            while not looking.done():
                await asyncio.wait([looking], timeout=_QUICK_LOOK_SECONDS)
                life.raise_if_lost()
                if kept.member.is_drained:
                    life.was_asked = True
                if kept.member.is_unwanted or kept.member.is_drained or self._has_left(kept.node):
                    raise Lost("its place is gone")
                self._change_if_hopeless(kept)
            return looking.result()
        finally:
            looking.cancel()

    def _has_left_drained(self, member: ReplicaMember) -> bool:
        """Whether a replica is drained, and the node that it was on has left the cluster."""
        names = {node.name for node in self._nodes}
        return member.phase is Phase.DRAINED and member.left_node not in {"", *names}

    def _has_left(self, node: ClusterNode | None) -> bool:
        return node is not None and all(node.key != it.key for it in self._nodes)

    def _change_if_hopeless(self, kept: Kept) -> None:
        words = self._place_words
        if words and kept.member.detail != words:
            kept.member.detail = words
            self._warn(f"replica {kept.member.number} has no place: {words}")
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
        if self._head.words or not self._told:
            return self._head.words
        gpus, now = [node.gpus for node in self._nodes], time.monotonic()
        placing = [it for it in self._kept.values() if it.member.phase is Phase.PLACING]
        since = [it.placing_since for it in placing]
        may_come = since and now - min(since) <= _PLACE_SECONDS
        if not fits_nowhere(self._gpus, gpus) and (may_come or (self._kept and not since)):
            return ""
        return ". ".join(why_no_place(self._gpus, gpus))

    def _describe(self) -> ReplicaSetState:
        trouble = self._set.hopeless(0, self._place_words)
        return replace(self._set.describe(), trouble=trouble.message if trouble else "")

    def _change(self) -> None:
        """Something has changed: tell the daemon, and wake the requests that wait for a replica."""
        state = self._describe()
        if self._told is None or _without_load(state) != _without_load(self._told):
            self._told = state
            self._tell(state)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _warn(self, text: str) -> None:
        if text:
            self._say("warning", text)

    def _say(self, level: str, text: str) -> None:
        self._tell(Said(level, text))


def _without_load(state: ReplicaSetState) -> ReplicaSetState:
    return replace(state, each=tuple(replace(it, in_flight=0) for it in state.each))


async def _close(replica: Replica) -> None:
    with contextlib.suppress(Lost):
        await replica.close()
