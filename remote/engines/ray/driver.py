"""Ray's side of a driver: joins or starts a cluster, and starts replicas there as actors.

This file alone imports Ray, which is in the Python that the box's settings name.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import ray
from ray import cloudpickle
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from remote.engines.ray import replica as replica_module
from remote.engines.ray.bounded import bounded
from remote.engines.ray.cluster import CannotJoin, ClusterNode, Lost, Replica
from remote.engines.ray.join_failures import explain
from remote.engines.ray.messages import (
    AWAY,
    ClusterSurvey,
    Done,
    DriverSetup,
    Generate,
    Held,
    Joined,
    Load,
    Message,
    News,
    NodeFacts,
    Piece,
    Text,
    Trouble,
    from_text,
    to_text,
)
from remote.engines.ray.replica_set import gpus_of_replica
from remote.protocol import EngineLoad, ProtocolError, Request, Setup

_JOIN_SECONDS = 120.0
_PROBE_SECONDS = 5.0
_WELCOME_SECONDS = 20.0
_LEAVE_SECONDS = 10.0
_NODES_SECONDS = 5.0
_FACTS_SECONDS = 20.0
_STORE_BYTES = 512 * 1024 * 1024
"""Memory for the pictures on their way, where we start Ray."""
_KEPT_PICTURES = 128 * 1024 * 1024
"""Bytes of pictures that stay in the object store, because another request may show them, too."""
_CALLS = 4096
"""Calls that a replica takes at once: requests, and questions about it."""
_HEALTH = {
    "health_check_initial_delay_ms": 2000,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 3000,
    "health_check_failure_threshold": 5,
}
"""By these a node that is frozen is seen after some ten seconds, where we start Ray."""


class RayCluster:
    """The cluster of one setup."""

    def __init__(self, setup: Setup, runner: bytes) -> None:
        """`runner` is the file from which the replicas import our code."""
        assert setup.ray is not None  # noqa: S101 - for mypy
        self._setup = setup
        self._address = setup.ray.address
        self._runner = runner
        self._pictures = _Pictures()
        self._source: object = None
        self._kind: object = None
        self._asking: asyncio.Future[tuple[ClusterNode, ...]] | None = None
        """The question for the nodes that the head has not answered yet."""

    async def join(self) -> Joined:
        """As in `Cluster`."""
        await asyncio.to_thread(self._probe)
        try:
            with contextlib.suppress(asyncio.TimeoutError):
                await bounded(asyncio.to_thread(_require_welcome, self._address), _WELCOME_SECONDS)
            await bounded(asyncio.to_thread(self._init), _JOIN_SECONDS)
        except asyncio.TimeoutError:
            words = f"Ray has not answered for {_JOIN_SECONDS:.0f} s"
            raise CannotJoin(f"{words}. {explain('', self._address)[0]}", for_good=False) from None
        except Exception as error:
            words, for_good = explain(f"{type(error).__name__}: {error}", self._address)
            raise CannotJoin(words, for_good=for_good) from error
        is_token = os.environ.get("RAY_AUTH_MODE", "").lower() == "token"
        return Joined(ray.__version__, platform.python_version(), not is_token)

    async def nodes(self) -> tuple[ClusterNode, ...]:
        """As in `Cluster`."""
        # A head that is gone keeps the thread that asks it: one is enough.
        asking = self._asking or asyncio.ensure_future(asyncio.to_thread(_alive_nodes))
        self._asking = asking
        try:
            return await bounded(asyncio.shield(asking), _NODES_SECONDS)
        except asyncio.TimeoutError:
            raise OSError(f"the head has not answered for {_NODES_SECONDS:.0f} s") from None
        except Exception as error:
            raise OSError(str(error)) from error
        finally:
            if asking.done():
                self._asking = None

    async def start(self, node: ClusterNode | None) -> Replica:
        """As in `Cluster`."""
        where: object = "SPREAD"
        if node is not None:
            where = NodeAffinitySchedulingStrategy(node.key, soft=False)
        try:
            return _RayReplica(await asyncio.to_thread(self._start, where), self._pictures)
        except Exception as error:
            raise Lost(_first_line(error)) from error

    async def survey(self) -> ClusterSurvey:
        """Join the cluster, and look at each of its nodes. Raises CannotJoin and OSError."""
        began = time.monotonic()
        joined = await self.join()
        seconds = time.monotonic() - began
        nodes = await self.nodes()
        facts = await asyncio.gather(*map(self._facts, nodes))
        return ClusterSurvey(
            joined.ray, joined.python, joined.is_open, seconds, facts_of(nodes, facts)
        )

    async def _facts(self, node: ClusterNode) -> tuple[bool | None, int | None]:
        where = NodeAffinitySchedulingStrategy(node.key, soft=False)
        look = ray.remote(replica_module.look_at_node)
        try:
            asking = look.options(num_cpus=0, scheduling_strategy=where, max_retries=0).remote(
                self._setup.model, self._setup.root
            )
            return cast("tuple[bool | None, int | None]", await bounded(asking, _FACTS_SECONDS))
        except (ray.exceptions.RayError, asyncio.TimeoutError):
            return None, None

    async def leave(self) -> None:
        """As in `Cluster`."""
        with contextlib.suppress(Exception):
            await bounded(asyncio.to_thread(ray.shutdown), _LEAVE_SECONDS)

    def _probe(self) -> None:
        """Find out quickly whether anybody listens at the address; Ray itself takes a minute."""
        host, colon, port = self._address.rpartition(":")
        if not colon:
            return
        try:
            socket.create_connection((host.strip("[]"), int(port)), _PROBE_SECONDS).close()
        except (OSError, ValueError, OverflowError) as error:
            words, for_good = explain(f"cannot connect: {error}", self._address)
            raise CannotJoin(words, for_good=for_good) from error

    def _init(self) -> None:
        if self._address:
            ray.init(address=self._address, namespace="upsample", log_to_driver=False)
        else:
            ray.init(
                address="local",
                namespace="upsample",
                include_dashboard=False,
                num_cpus=0,  # or Ray starts a process for each core ahead of time
                object_store_memory=_STORE_BYTES,
                log_to_driver=False,
                _system_config=_HEALTH,
            )
        # The class goes to the nodes by value: they have no module of ours until it has imported them.
        cloudpickle.register_pickle_by_value(replica_module)
        self._source = ray.put(self._runner)
        self._kind = ray.remote(replica_module.ReplicaActor)

    def _start(self, where: object) -> object:
        assert self._kind is not None  # noqa: S101 - for mypy
        options = self._kind.options(  # type: ignore[attr-defined]
            num_cpus=0,
            num_gpus=gpus_of_replica(self._setup),
            # A replica that is lost is started again by the driver, which knows what it worked on.
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=_CALLS,
            scheduling_strategy=where,
        )
        return options.remote(self._source, to_text(DriverSetup(self._setup)))


def _alive_nodes() -> tuple[ClusterNode, ...]:
    """Ask the head for the nodes that are alive. Blocks."""
    return tuple(
        ClusterNode(it["NodeID"], it["NodeManagerHostname"], float(it["Resources"].get("GPU", 0)))
        for it in ray.nodes()
        if it["Alive"]
    )


def _require_welcome(address: str) -> None:
    """Raise Ray's AuthenticationError if the head refuses our token.

    `ray.init` would try for half a minute, and not say why it has failed. A Ray that has no such functions is
    left to `ray.init`, and so is any other trouble.
    """
    if not address:
        return
    try:
        from ray._private.authentication import authentication_token_setup as tokens
        from ray._private.services import canonicalize_bootstrap_address
        from ray._raylet import GcsClient

        if address == "auto":
            tokens.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
        GcsClient(address=canonicalize_bootstrap_address(address), cluster_id=None)
    except Exception as error:
        if type(error).__name__ == "AuthenticationError":
            raise


def facts_of(
    nodes: Sequence[ClusterNode], facts: Sequence[tuple[bool | None, int | None]]
) -> tuple[NodeFacts, ...]:
    """The facts of each node, with its name and its GPUs."""
    return tuple(
        NodeFacts(node.name, node.gpus, *each) for node, each in zip(nodes, facts, strict=True)
    )


class _Pictures:
    """Pictures in the object store, from where each node fetches them once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, ...], tuple[object, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, names: tuple[str, ...], pictures: Sequence[bytes]) -> object:
        """Put the pictures of a request there as one object, unless it is there. Returns Ray's reference.

        `names` are the hashes of their files. Blocks.
        """
        with self._lock:
            kept = self._kept.pop(names, None)
            if kept is None:
                data = b"".join(pictures)
                kept = (ray.put(data), len(data))
                self._bytes += len(data)
            self._kept[names] = kept
            while self._bytes > _KEPT_PICTURES and len(self._kept) > 1:
                _, (_, size) = self._kept.popitem(last=False)
                self._bytes -= size
            return kept[0]


@dataclass(frozen=True)
class _Rest:
    """What a replica says at the end of an answer."""

    said: int
    """How many pieces come before, which are heard by themselves."""
    pieces: tuple[Piece, ...]


class _RayReplica:
    """An actor, as the driver sees a replica."""

    def __init__(self, actor: object, pictures: _Pictures) -> None:
        self._actor = actor
        self._pictures = pictures
        self._queues: dict[int, asyncio.Queue[Piece | _Rest | Lost]] = {}
        """What was heard of each answer, by its number."""
        self._hearing: asyncio.Task[None] | None = None

    async def look(self) -> News:
        news = await self._ask("look")
        assert isinstance(news, News)  # noqa: S101 - for mypy
        return news

    async def generate(
        self, number: int, request: Request, pictures: Sequence[bytes]
    ) -> AsyncIterator[Piece]:
        images: object = b""
        try:
            if pictures:
                names = tuple(frame.file for frame in request.frames)
                images = await asyncio.to_thread(self._pictures.put, names, pictures)
        except (ray.exceptions.RayError, OSError, MemoryError) as error:
            # It is our own node that has no room or memory: no replica is lost for it.
            words = f"Ray on {socket.gethostname()} cannot keep a picture: {_first_line(error)}"
            yield Trouble(number, AWAY, words)
            return
        asked = Generate(number, request, tuple(map(len, pictures)))
        queue = self._queues[number] = asyncio.Queue[Piece | _Rest | Lost]()
        asking = asyncio.create_task(self._ask_for(asked, images))
        if self._hearing is None or self._hearing.done():
            self._hearing = asyncio.create_task(self._hear())
        rest: _Rest | None = None
        heard = 0
        try:
            while rest is None or heard < rest.said:
                piece = await queue.get()
                if isinstance(piece, Lost):
                    raise piece
                if isinstance(piece, _Rest):
                    rest = piece
                else:
                    heard += 1
                    yield piece
            for piece in rest.pieces:
                yield piece
        finally:
            del self._queues[number]
            asking.cancel()

    async def _ask_for(self, asked: Generate, images: object) -> None:
        """Have the replica answer, and pass on what it says at the answer's end."""
        end: _Rest | Lost
        try:
            said, lines = cast(
                "tuple[int, str]", await self._call("generate", to_text(asked), images)
            )
            end = _Rest(said, tuple(_pieces(lines)))
        except (Lost, ProtocolError) as error:
            end = Lost(str(error))
        if queue := self._queues.get(asked.number):
            queue.put_nowait(end)

    async def _hear(self) -> None:
        """Hear what the replica says of all its answers, until it is lost."""
        try:
            while True:
                for piece in _pieces(cast(str, await self._call("hear"))):
                    if queue := self._queues.get(piece.number):
                        queue.put_nowait(piece)
        except (Lost, ProtocolError) as error:
            for queue in self._queues.values():
                queue.put_nowait(Lost(str(error)))

    async def drop(self, number: int) -> None:
        await self._call("drop", number)

    async def load(self) -> EngineLoad | None:
        load = await self._ask("load")
        assert isinstance(load, Load)  # noqa: S101 - for mypy
        return load.load

    async def count_tokens(self, system: str, prompt: str) -> int | None:
        return cast("int | None", await self._call("count_tokens", system, prompt))

    async def close(self) -> None:
        await self._call("close")

    def kill(self) -> None:
        if self._hearing is not None:
            self._hearing.cancel()
        # In a thread: it waits for the head, which may be gone.
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, _kill, self._actor)

    async def _ask(self, method: str) -> Message:
        return from_text(cast(str, await self._call(method)))

    async def _call(self, method: str, *arguments: object) -> object:
        try:
            return await getattr(self._actor, method).remote(*arguments)
        except ray.exceptions.RayError as error:
            raise Lost(_first_line(error)) from error


def _pieces(lines: str) -> Iterator[Piece]:
    for line in filter(None, lines.split("\n")):
        piece = from_text(line)
        assert isinstance(piece, (Text, Held, Done, Trouble))  # noqa: S101 - for mypy
        yield piece


def _kill(actor: object) -> None:
    with contextlib.suppress(Exception):
        ray.kill(actor)


def _first_line(error: Exception) -> str:
    """What has happened to an actor, without what Ray says about itself around it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [
        line for line in lines if line.startswith(("The actor is dead because", "The node "))
    ]
    words = (telling or lines or [type(error).__name__])[0]
    return words.partition(". Worker exit type")[0][:300]
