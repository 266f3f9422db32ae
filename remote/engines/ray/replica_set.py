"""The replicas of a cluster: which of them can answer, which one gets the next request, what they serve.

It knows nothing of Ray.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from remote.engines.ray.messages import AWAY, News, ReplicaSetState, ReplicaState, Trouble
from remote.engines.vllm.stages import Stage
from remote.protocol import Setup


class Phase(str, Enum):
    """What a replica does."""

    PLACING = "placing"
    """The cluster has no place for it yet."""
    STARTING = "starting"
    READY = "ready"
    AWAY = "away"
    """The model server on its node is away for a moment."""
    FAILED = "failed"
    """It did not start; it tries again by itself."""
    REFUSED = "refused"
    """It serves something else than the others."""
    DRAINING = "draining"
    """It gets no further request, and is given back when it has answered those that it has."""
    DRAINED = "drained"
    """It was given back, and is started again when somebody asks for that."""


@dataclass
class ReplicaMember:
    """One replica, through all its restarts."""

    number: int
    state: Phase = Phase.PLACING
    detail: str = ""
    news: News | None = None
    """What it said last; None since it was lost."""
    restarts: int = 0
    times_asked_for: int = 0
    """How often somebody asked for its start."""
    in_flight: set[int] = field(default_factory=set)
    """The numbers of the requests that it works on."""
    is_unwanted: bool = False
    """Whether it gets no further request, because there are to be fewer replicas."""
    is_drained: bool = False
    """Whether it gets no further request, because somebody asked for that."""
    left_node: str = ""
    """The name of the node that a drained one is, or was, on."""

    @property
    def phase(self) -> Phase:
        """What it does, as others are told."""
        if self.is_drained:
            return Phase.DRAINING if self.news else Phase.DRAINED
        return self.state

    @property
    def answers(self) -> bool:
        """Whether it may get a request."""
        return self.phase is Phase.READY and not self.is_unwanted

    @property
    def serves(self) -> str:
        return self.news.serves if self.news else ""

    @property
    def slots(self) -> int:
        return self.news.slots if self.news else 0

    def hear(self, news: News) -> None:
        """Take what the replica says of itself."""
        self.news = news
        self.state, self.detail = Phase(news.state), news.detail

    def lose(self, why: str) -> None:
        """The replica is lost, and is to be started again."""
        self.give_back()
        self.detail = why
        self.restarts += 1

    def give_back(self) -> None:
        """The replica has ended in order."""
        self.news = None
        self.state, self.detail = Phase.PLACING, ""

    def start_again(self) -> None:
        """It is started again, if it was drained, and does not wait until it is tried again."""
        self.times_asked_for += 1
        self.is_drained = False
        self.left_node = ""

    def drain(self) -> None:
        """It gets no further request from now on."""
        self.is_drained = True
        self.left_node = self.news.node if self.news else ""


class ReplicaSet:
    """All replicas."""

    def __init__(self) -> None:
        self.members: list[ReplicaMember] = []
        self.nodes = 0
        self.serves = ""
        """The fingerprint that most replicas have; the earlier one, as long as no other has more."""

    def agree(self) -> list[ReplicaMember]:
        """Find out what most replicas serve, and refuse the others. Returns those that were not refused
        before.
        """
        told = Counter(member.serves for member in self.members if member.serves)
        if told:
            best = max(told.values())
            if told[self.serves] < best:
                self.serves = next(it for it in told if told[it] == best)
        refused = []
        for member in self.members:
            differs = bool(member.serves) and member.serves != self.serves
            if differs and member.state is not Phase.REFUSED:
                refused.append(member)
            if differs:
                member.state = Phase.REFUSED
                member.detail = f"it serves {member.serves}, and the others serve {self.serves}"
        return refused

    def choose(self) -> ReplicaMember | None:
        """The replica that gets the next request: the one with the smallest share of its slots in use."""
        free = [
            member
            for member in self.members
            if member.answers and len(member.in_flight) < member.slots
        ]
        return min(free, key=lambda it: len(it.in_flight) / it.slots, default=None)

    def hopeless(self, number: int, place_words: str) -> Trouble | None:
        """Why no replica will answer this request soon; None while one answers or starts.

        `place_words` say why replicas without a place have none; empty while they may still get one.
        """
        reasons: list[tuple[str, float, bool]] = []
        for member in self.members:
            if member.is_drained:
                continue
            if member.state in (Phase.READY, Phase.STARTING):
                return None
            if member.state is Phase.PLACING:
                if not place_words:
                    return None
                reasons.append((place_words, 0.0, False))
            else:
                news = member.news
                where = f"replica {member.number} on {news.node}" if news else "a replica"
                reasons.append(
                    (
                        f"{where}: {member.detail}",
                        news.retry_after if news else 0.0,
                        member.state is Phase.REFUSED or bool(news and news.for_good),
                    )
                )
        if not reasons:
            drained = any(member.is_drained for member in self.members)
            words = "all replicas are drained: start one anew" if drained else place_words
            return Trouble(number, AWAY, words) if words else None
        # One that nobody has to mend comes first; its words say what the others wait for.
        words, after, _ = min(reasons, key=lambda it: it[2])
        for_good = all(it[2] for it in reasons)
        return Trouble(number, AWAY, words, after or None, for_good)

    @property
    def slots(self) -> int:
        """The requests that the replicas which answer work on at once."""
        return sum(member.slots for member in self._ready)

    @property
    def _ready(self) -> list[ReplicaMember]:
        return [it for it in self.members if it.answers]

    def describe(self) -> ReplicaSetState:
        """The whole set as the daemon is told it."""
        known = [it.news for it in self.members if it.news and it.news.serves == self.serves]
        first = known[0] if known else None
        contexts = [news.context for news in known if news.context]
        return ReplicaSetState(
            each=tuple(
                ReplicaState(
                    it.number,
                    it.news.node if it.news else it.left_node,
                    it.phase.value,
                    it.detail,
                    it.slots,
                    len(it.in_flight),
                    it.restarts,
                    it.news.gpus if it.news else "",
                )
                for it in self.members
            ),
            nodes=self.nodes,
            serves=self.serves,
            slots=self.slots,
            name=next((it.name for it in known if " " in it.name), first.name if first else ""),
            model=first.model if first else "",
            context=min(contexts, default=0),
            stage=_nearest_stage(self.members),
        )


def gpus_of_replica(setup: Setup) -> int:
    """The GPUs of one node that each replica takes; 0 for an engine that needs none."""
    if setup.answering != "vllm" or setup.vllm is None:
        return 0
    return setup.vllm.tensor_parallel_size * max(1, setup.vllm.data_parallel_size)


def replicas_wanted(replicas: int, gpus_each: int, gpus: Iterable[float], most: int = 1024) -> int:
    """How many replicas there are to be.

    `replicas` is the setting, `gpus_each` what each takes, and `gpus` what each node has. Without a number,
    there are as many as fit, and where they need no GPU, one a node.
    """
    if replicas:
        return replicas
    nodes = list(gpus)
    fitting = sum(int(node // gpus_each) for node in nodes) if gpus_each else len(nodes)
    return min(fitting, most)


def fits_nowhere(gpus_each: int, gpus: Collection[float]) -> bool:
    """Whether no node could hold a replica, even if all its GPUs were free; `gpus` is what each node has."""
    return bool(gpus) and max(gpus) < gpus_each


def why_no_place(gpus_each: int, gpus: Collection[float]) -> tuple[str, str]:
    """Say why a replica gets no place in a cluster whose nodes have so many GPUs each, and what to do."""
    if not gpus:
        return (
            "the cluster has no node that is alive",
            "Start Ray on its nodes (ray start --address)",
        )
    most, takes = max(gpus), f"a replica takes {gpus_each} GPUs of one node, and"
    if most < gpus_each and not most:
        return (
            f"{takes} no node of the cluster has a GPU",
            "Add nodes that have some; where Ray does not see them, start it there with --num-gpus",
        )
    if most < gpus_each:
        return (
            f"{takes} no node has more than {most:g}",
            "Set a smaller vllm.tensor_parallel_size or data_parallel_size, or add nodes to the cluster",
        )
    return (
        "no node of the cluster is free for a replica: something else uses its GPUs, as `ray status` says",
        "End that, or set ray.replicas to what is free",
    )


_STAGES = tuple(stage.value for stage in Stage)


def _nearest_stage(members: Sequence[ReplicaMember]) -> str:
    """The stage of the replica that has come furthest of those that start."""
    stages = [it.news.stage for it in members if it.news and it.state is Phase.STARTING]
    known = [stage for stage in stages if stage in _STAGES]
    return max(known, key=_STAGES.index, default=stages[0] if stages else "")
