"""A driver gives each request to a replica, starts lost replicas again, and tells the daemon what comes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from remote.engines.ray import keeping
from remote.engines.ray.bounded import bounded
from remote.engines.ray.cluster import CannotJoin, ClusterNode, Lost
from remote.engines.ray.driving import Driver, sum_of_loads
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
    Done,
    Drop,
    End,
    FromDriver,
    Generate,
    Given,
    Heeded,
    Joined,
    Load,
    News,
    Piece,
    ReplicaSetState,
    Said,
    Text,
    Trouble,
    Unable,
)
from remote.engines.ray.replica_set import Phase
from remote.protocol import DRAIN, RESTART, EngineLoad, PartLoad, RaySetup, Setup
from tests.remote.engines.test_ray_messages import REQUEST
from tests.remote.engines.test_ray_replica_set import news
from tests.support.waiting import until

NODES = (ClusterNode("1", "a", 0.0), ClusterNode("2", "b", 0.0))


class Replica:
    """A replica that says what the test wants."""

    def __init__(self, node: ClusterNode | None) -> None:
        self.node = node
        self.told: News = news("sketch 1", node=node.name if node else "", slots=2)
        self.lost = ""
        self.numbers: list[int] = []
        self.dropped: list[int] = []
        self.end: Piece | None = None
        self.ends = asyncio.Event()
        self.is_closed = self.is_killed = False
        self.is_silent = self.was_asked_in_vain = False

    async def look(self) -> News:
        if self.is_silent:
            self.was_asked_in_vain = True
            await asyncio.Event().wait()
        if self.lost:
            raise Lost(self.lost)
        return self.told

    async def generate(
        self, number: int, request: object, pictures: Sequence[bytes]
    ) -> AsyncIterator[Piece]:
        self.numbers.append(number)
        if isinstance(self.end, Trouble) and self.end.kind == AWAY:
            yield Trouble(number, AWAY, self.end.message)
            return
        yield Text(number, "Dusk")
        await self.ends.wait()
        if self.lost:
            raise Lost(self.lost)
        yield Done(number, "stop", 3, 1)

    async def drop(self, number: int) -> None:
        self.dropped.append(number)

    async def load(self) -> EngineLoad | None:
        return EngineLoad(running=len(self.numbers), waiting=0)

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        return len(f"{system}, {prompt}")

    async def close(self) -> None:
        self.is_closed = True

    def kill(self) -> None:
        self.is_killed = True


class Cluster:
    """A cluster of such replicas."""

    def __init__(self) -> None:
        self.replicas: list[Replica] = []
        self.alive: tuple[ClusterNode, ...] = NODES
        self.failure: CannotJoin | None = None
        self.has_head = True
        self.room = 99
        """Replicas that get a place."""
        self.has_left = False

    async def join(self) -> Joined:
        if self.failure is not None:
            raise self.failure
        return Joined("2.60.0", "3.11.7", False)

    async def nodes(self) -> tuple[ClusterNode, ...]:
        if not self.has_head:
            raise OSError("the head has not answered for 5 s")
        return self.alive

    async def start(self, node: ClusterNode | None) -> Replica:
        self.replicas.append(Replica(node))
        self.replicas[-1].is_silent = not self.has_head or len(self.replicas) > self.room
        return self.replicas[-1]

    async def leave(self) -> None:
        self.has_left = True


SETUP = Setup("/root", "ray", "", 60.0, ray=RaySetup("auto", 0, "sketch", "python3"))


class Bench:
    def __init__(self, setup: Setup = SETUP) -> None:
        self.cluster = Cluster()
        self.told: list[FromDriver] = []
        self.driver = Driver(self.cluster, setup, self.told.append)
        self.driving = asyncio.create_task(self.driver.run())

    def of(self, kind: type[FromDriver]) -> list[FromDriver]:
        return [it for it in self.told if isinstance(it, kind)]

    def about(self, number: int) -> list[FromDriver]:
        return [it for it in self.told if getattr(it, "number", None) == number]

    @property
    def replicas(self) -> ReplicaSetState:
        state = self.of(ReplicaSetState)[-1]
        assert isinstance(state, ReplicaSetState)
        return state

    def ask(self, number: int, engine: str = "") -> None:
        self.driver.hear(Generate(number, replace(REQUEST, engine=engine), ()), ())

    async def change(self, replica: str, change: str) -> str:
        number = 1000 + len(self.told)
        self.driver.hear(AskChange(number, replica, change), ())
        told = await self.until_told(number, Heeded)
        assert isinstance(told, Heeded)
        return told.refusal

    @property
    def warnings(self) -> list[str]:
        return [it.text for it in self.of(Said) if isinstance(it, Said) and it.level == "warning"]

    @property
    def states(self) -> list[str]:
        return [it.state for it in self.replicas.each]

    async def ready(self, slots: int = 4) -> None:
        await until(lambda: self.of(ReplicaSetState) and self.replicas.slots == slots)

    async def until_told(self, number: int, kind: type[FromDriver]) -> FromDriver:
        def found() -> list[FromDriver]:
            return [it for it in self.about(number) if isinstance(it, kind)]

        await until(found)
        return found()[0]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_NODES_SECONDS", "_QUICK_LOOK_SECONDS", "_LOOK_SECONDS", "_FIRST_PAUSE"):
        monkeypatch.setattr(keeping, name, 0.01)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    made.driving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await made.driving


async def test_each_node_has_a_replica_and_requests_go_to_the_least_busy(bench: Bench) -> None:
    await bench.ready()
    assert {it.node for it in bench.replicas.each} == {"a", "b"}
    for number in range(4):
        bench.ask(number)
        await bench.until_told(number, Text)
    assert [len(it.numbers) for it in bench.cluster.replicas] == [2, 2]
    bench.ask(4)  # waits for a slot
    bench.cluster.replicas[0].ends.set()
    await bench.until_told(4, Done)
    assert 4 in bench.cluster.replicas[0].numbers


async def test_what_runs_on_a_lost_replica_is_gone_and_the_replica_is_started_again(
    bench: Bench,
) -> None:
    await bench.ready()
    bench.ask(1)
    await bench.until_told(1, Text)
    bench.cluster.replicas[0].lost = "its node is dead"
    gone = await bench.until_told(1, Trouble)
    assert isinstance(gone, Trouble)
    assert (gone.kind, gone.message) == (GONE, "replica 0 on a is lost: its node is dead")
    assert bench.cluster.replicas[0].is_killed
    await bench.ready()
    assert len(bench.cluster.replicas) == 3
    assert [it.restarts for it in bench.replicas.each] == [1, 0]
    await until(lambda: bench.warnings)
    assert bench.warnings == [
        "replica 0 on a is lost: its node is dead; the request that it worked on begins anew on another one"
    ]


async def test_a_replica_that_could_not_begin_passes_the_request_on(bench: Bench) -> None:
    await bench.ready()
    for replica in bench.cluster.replicas:
        replica.end = Trouble(0, AWAY, "it has too much to do")
        replica.told = news(
            "sketch 1", Phase.AWAY, detail="it has too much to do", retry_after=7.0, slots=2
        )
    bench.ask(1)
    trouble = await bench.until_told(1, Trouble)
    assert isinstance(trouble, Trouble)
    assert (trouble.kind, trouble.for_good) == (AWAY, False)
    assert "it has too much to do" in trouble.message


async def test_a_cancelled_request_is_cancelled_in_its_replica_and_frees_the_slot(
    bench: Bench,
) -> None:
    await bench.ready()
    bench.ask(1)
    await bench.until_told(1, Text)
    bench.driver.hear(Drop(1), ())
    await until(lambda: bench.cluster.replicas[0].dropped == [1])
    assert not [it for it in bench.about(1) if isinstance(it, (Done, Trouble))]
    for number in range(2, 6):
        bench.ask(number)
        await bench.until_told(number, Given)


async def test_a_request_for_something_else_is_given_to_no_replica(bench: Bench) -> None:
    await bench.ready()
    bench.ask(1, engine="vllm 2")
    trouble = await bench.until_told(1, Trouble)
    assert isinstance(trouble, Trouble)
    assert trouble.kind == REPLACED
    assert not bench.cluster.replicas[0].numbers


async def test_a_node_that_goes_takes_its_replica_and_one_that_comes_gets_one(bench: Bench) -> None:
    await bench.ready()
    bench.cluster.alive = NODES[:1]
    bench.cluster.replicas[1].lost = "its node is dead"
    await bench.ready(slots=2)
    await until(lambda: bench.replicas.nodes == 1)
    # With its replica, unless the loss of that is noticed later.
    await until(lambda: bench.warnings[:1] != [])
    assert bench.warnings[0].startswith("node b has left the cluster")
    bench.cluster.alive = NODES
    await bench.ready(slots=4)


async def test_a_drained_replica_ends_what_it_has_and_is_given_back_until_it_is_started_anew(
    bench: Bench,
) -> None:
    await bench.ready()
    bench.ask(1)
    await bench.until_told(1, Text)
    assert await bench.change("0", DRAIN) == ""
    assert (bench.states, bench.replicas.slots) == (["draining", "ready"], 2)
    for number in (2, 3):
        bench.ask(number)
        await bench.until_told(number, Text)
    assert bench.cluster.replicas[0].numbers == [1]
    bench.cluster.replicas[0].ends.set()
    await bench.until_told(1, Done)
    await until(lambda: bench.states == ["drained", "ready"])
    await until(lambda: bench.cluster.replicas[0].is_killed)
    assert bench.cluster.replicas[0].is_closed
    assert await bench.change("0", DRAIN) == "replica 0 is drained already"
    assert "the last one that is not drained" in await bench.change("1", DRAIN)
    assert await bench.change("0", RESTART) == ""
    await bench.ready()
    assert len(bench.cluster.replicas) == 3
    assert [it.restarts for it in bench.replicas.each] == [0, 0]


async def test_what_runs_on_a_replica_that_is_started_anew_has_ended_and_is_no_loss(
    bench: Bench,
) -> None:
    await bench.ready()
    bench.ask(1)
    await bench.until_told(1, Text)
    assert await bench.change("0", RESTART) == ""
    ended = await bench.until_told(1, Trouble)
    assert isinstance(ended, Trouble)
    assert ended.kind == ENDED
    assert ended.message == "replica 0 on a: it is started anew, as was asked"
    await bench.ready()
    assert bench.cluster.replicas[0].is_closed
    assert [it.restarts for it in bench.replicas.each] == [1, 0]
    assert not bench.warnings


async def test_a_replica_that_is_silent_is_started_anew_at_once(bench: Bench) -> None:
    await bench.ready()
    bench.cluster.replicas[0].is_silent = True
    await until(lambda: bench.cluster.replicas[0].was_asked_in_vain)
    assert await bench.change("0", RESTART) == ""
    await bench.ready()
    assert len(bench.cluster.replicas) == 3


async def test_a_change_that_cannot_be_made_is_refused_with_a_reason(bench: Bench) -> None:
    await bench.ready()
    assert await bench.change("7", DRAIN) == "there is no replica 7; there are 0, 1"
    assert await bench.change("0", "fly") == "the box does not know how to fly a replica"


async def test_a_drained_replica_whose_node_leaves_is_forgotten_and_its_return_gets_one(
    bench: Bench,
) -> None:
    await bench.ready()
    assert await bench.change("1", DRAIN) == ""
    await until(lambda: bench.states == ["ready", "drained"])
    bench.cluster.alive = NODES[:1]
    await until(lambda: bench.states == ["ready"])
    bench.cluster.alive = NODES
    await bench.ready()
    assert bench.states == ["ready", "ready"]


async def test_a_node_that_goes_does_not_take_the_place_of_a_drained_replica(bench: Bench) -> None:
    await bench.ready()
    assert await bench.change("1", DRAIN) == ""
    await until(lambda: bench.states == ["ready", "drained"])
    bench.cluster.alive = NODES[1:]
    bench.cluster.replicas[0].lost = "its node is dead"
    await until(lambda: bench.states == ["drained"])
    bench.ask(1)
    trouble = await bench.until_told(1, Trouble)
    assert isinstance(trouble, Trouble)
    assert (trouble.kind, trouble.message) == (AWAY, "all replicas are drained: start one anew")


async def test_a_cluster_that_cannot_be_joined_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.cluster.failure = CannotJoin("no Ray answers", for_good=False)
    await bench.driving
    assert Unable("no Ray answers", False) in bench.told


async def test_at_the_end_all_replicas_are_closed_and_the_cluster_is_left(bench: Bench) -> None:
    await bench.ready()
    bench.ask(1)
    await bench.until_told(1, Text)
    assert not bench.driver.hear(End(), ())
    bench.driving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await bench.driving
    assert all(it.is_closed and it.is_killed for it in bench.cluster.replicas)
    assert bench.cluster.has_left
    assert bench.of(Beat)


async def test_the_load_is_that_of_all_replicas_together(bench: Bench) -> None:
    await bench.ready()
    bench.driver.hear(AskLoad(9), ())
    load = await bench.until_told(9, Load)
    parts = (PartLoad("0", 0, 0), PartLoad("1", 0, 0))
    assert load == Load(9, EngineLoad(running=0, waiting=0, parts=parts))


def test_loads_are_added_as_far_as_they_are_known() -> None:
    one = EngineLoad(3, 1, None, 100.0, 0.5)
    other = EngineLoad(2, None, None, 50.0, 0.1)
    parts = (PartLoad("0", 3, 1, 0.5, 100.0), PartLoad("1", 2, None, 0.1, 50.0))
    assert sum_of_loads({"0": one, "1": other}) == EngineLoad(5, 1, None, 150.0, 0.5, parts)
    assert sum_of_loads({}) is None


async def test_tokens_are_counted_by_a_replica(bench: Bench) -> None:
    await bench.ready()
    bench.driver.hear(AskTokens(9, "be brief", "a dog"), ())
    assert await bench.until_told(9, Counted) == Counted(9, 15)


async def test_a_cancel_is_never_lost_when_what_was_awaited_is_done_at_that_moment() -> None:
    async def forever() -> None:
        while True:
            await bounded(asyncio.sleep(0), 1.0)

    for steps in range(20):
        task = asyncio.create_task(forever())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=1.0)
        assert task.cancelled()
