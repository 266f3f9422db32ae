"""The process of a driver: connects to the daemon, imports Ray, and drives the cluster until either ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from remote.engines.ray.bounded import bounded
from remote.engines.ray.cluster import CannotJoin, Cluster
from remote.engines.ray.driving import Driver
from remote.engines.ray.guard import start_group_guard
from remote.engines.ray.join_failures import explain
from remote.engines.ray.messages import (
    ClusterSurvey,
    DriverSetup,
    FromDriver,
    Greeting,
    Message,
    Reader,
    ToDriver,
    Unable,
    encode,
    to_text,
)
from remote.protocol import ProtocolError, Setup, parse

_CHUNK = 1 << 18
_BEGIN_SECONDS = 20.0
_END_SECONDS = 40.0
"""Seconds after which a driver ends that cannot end in order."""
_MOST_UNSENT = 64 * 1024 * 1024
"""Bytes that a daemon which does not read may leave unread; then it is given up."""

MakeCluster = Callable[[Setup, bytes], Cluster]


def drive(runner: str, socket: str, mark: str) -> int:
    """Be the driver of the daemon that listens at this socket. Returns an exit code."""
    code = asyncio.run(_drive(Path(runner), socket, mark, _make_cluster))
    sys.stdout.flush()
    # A thread may hang in Ray, and it must not keep the process.
    os._exit(code)


def survey(runner: str, setup: str) -> int:
    """Look at the cluster of this setup, which is JSON, and print what was found. Returns an exit code."""
    wanted = parse(Setup, json.loads(setup))
    print(to_text(asyncio.run(_survey(wanted, Path(runner).read_bytes()))), flush=True)  # noqa: T201
    os._exit(0)


async def _survey(setup: Setup, runner: bytes) -> ClusterSurvey | Unable:
    try:
        prepare_environment(setup)
        from remote.engines.ray.driver import RayCluster

        cluster = RayCluster(setup, runner)
        try:
            return await cluster.survey()
        finally:
            await cluster.leave()
    except ImportError as error:
        return Unable(*explain(str(error), ""))
    except CannotJoin as error:
        return Unable(str(error), error.for_good)
    except OSError as error:
        return Unable(f"the cluster does not say what nodes it has: {error}", for_good=False)


def _make_cluster(setup: Setup, runner: bytes) -> Cluster:
    prepare_environment(setup)
    from remote.engines.ray.driver import RayCluster

    return RayCluster(setup, runner)


def prepare_environment(setup: Setup) -> None:
    """Set what Ray reads when it is imported."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if setup.ray is not None and not setup.ray.address:
        # A Ray of our own listens at all addresses of the machine; without a token, whoever reaches it may
        # run anything as this user. Ray reads these when it is imported.
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


async def _drive(runner: Path, socket: str, mark: str, make: MakeCluster) -> int:
    reader, writer = await asyncio.open_unix_connection(socket)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    process = _Process(writer, ended, runner, make)
    reading = asyncio.ensure_future(process.read(reader))
    ending = asyncio.ensure_future(ended.wait())
    try:
        process.tell(Greeting(mark))
        await asyncio.wait([reading, ending], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (reading, ending):
            task.cancel()
        await asyncio.gather(reading, ending, return_exceptions=True)
        await process.end()
    return 0


class _Process:
    """The connection of a driver to its daemon, and the driver once its setup has come."""

    def __init__(
        self, writer: asyncio.StreamWriter, ended: asyncio.Event, runner: Path, make: MakeCluster
    ) -> None:
        self._writer = writer
        self._ended = ended
        self._runner = runner
        self._make = make
        self._driver: Driver | None = None
        self._driving: asyncio.Task[None] | None = None

    def tell(self, message: FromDriver) -> None:
        """Send a message to the daemon, unless it has gone."""
        if not self._writer.is_closing():
            self._writer.write(encode(message))
        if self._writer.transport.get_write_buffer_size() > _MOST_UNSENT:
            self._ended.set()

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Do what the daemon asks for, until it goes or wants this driver to end."""
        messages = Reader()
        while not self._ended.is_set():
            limit = _BEGIN_SECONDS if self._driver is None else None
            data = await bounded(reader.read(_CHUNK), limit)
            if not data:
                return
            for message, pictures in messages.feed(data):
                if isinstance(message, DriverSetup) and self._driver is None:
                    self._begin(message.setup)
                elif self._driver is None or not self._driver.hear(_to_driver(message), pictures):
                    return

    async def end(self) -> None:
        """End the driver with its replicas, as far as they end in time."""
        if self._driving is not None:
            self._driving.cancel()
            await asyncio.wait([self._driving], timeout=_END_SECONDS)
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            self._writer.close()
            await bounded(self._writer.wait_closed(), 1.0)

    def _begin(self, setup: Setup) -> None:
        try:
            if setup.ray is not None and not setup.ray.address:
                start_group_guard(self._runner)
            cluster = self._make(setup, self._runner.read_bytes())
        except ImportError as error:
            self.tell(Unable(*explain(str(error), "")))
            self._ended.set()
            return
        except OSError as error:
            self.tell(Unable(str(error), for_good=False))
            self._ended.set()
            return
        self._driver = Driver(cluster, setup, self.tell)
        self._driving = asyncio.create_task(self._driver.run())
        self._driving.add_done_callback(self._note_end)

    def _note_end(self, driving: asyncio.Task[None]) -> None:
        if not driving.cancelled() and (error := driving.exception()) is not None:
            self.tell(Unable(f"the driver of Ray has failed: {error!r}", for_good=False))
        self._ended.set()


def _to_driver(message: Message) -> ToDriver:
    if not isinstance(message, ToDriver):
        raise ProtocolError("the daemon sent what only a driver says")
    return message
