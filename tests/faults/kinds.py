"""The faults that there are, each with how it is brought about."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from tests.faults.draws import KillBetweenDraws
from tests.faults.field import House
from tests.faults.histories import HISTORIES
from tests.faults.kind import Act, Hit, Kind, Side
from tests.faults.order import Obey
from tests.support.wire import Direction


@dataclass(frozen=True)
class Kill:
    role: str
    house: House | None = None
    """Where; None for the box of the batch."""

    async def do(self, hit: Hit, number: int) -> bool:
        return bool(_signal(hit, self.role, signal.SIGKILL, self.house))


@dataclass(frozen=True)
class Stop:
    """SIGSTOP, and SIGCONT after some seconds: a machine that sleeps, a process that gets no time."""

    role: str
    seconds: float

    async def do(self, hit: Hit, number: int) -> bool:
        stopped = _signal(hit, self.role, signal.SIGSTOP)

        async def go_on() -> None:
            try:
                await asyncio.sleep(self.seconds)
            finally:
                for pid in stopped:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGCONT)

        if stopped:
            hit.owe(asyncio.create_task(go_on()))
        return bool(stopped)


@dataclass(frozen=True)
class Reset:
    async def do(self, hit: Hit, number: int) -> bool:
        wire = hit.house.site.wire
        used = wire.is_used
        wire.reset()
        return used


@dataclass(frozen=True)
class Swallow:
    """A network that is gone without a word, and comes back; with `reset`, to connections that are void."""

    seconds: float
    reset: bool
    house: House | None = None
    """Whose link; None for the box of the batch."""

    async def do(self, hit: Hit, number: int) -> bool:
        wire = (self.house or hit.house).site.wire
        used = wire.is_used

        async def heal() -> None:
            await wire.swallow(self.seconds)
            if self.reset:
                wire.reset()

        if used:
            hit.owe(asyncio.create_task(heal()))
        return used


@dataclass(frozen=True)
class Cut:
    direction: Direction
    count: int

    async def do(self, hit: Hit, number: int) -> bool:
        wire = hit.house.site.wire
        wire.cut_after(self.count, self.direction)
        try:
            async with asyncio.timeout(3):
                await wire.cut.wait()
        except TimeoutError:
            wire.forget_cuts()
            return False
        return True


@dataclass(frozen=True)
class Fill:
    """A disk that is really full for a while."""

    side: Side
    seconds: float

    async def do(self, hit: Hit, number: int) -> bool:
        site = hit.house.site
        disk = site.laptop_disk if self.side is Side.LAPTOP else site.box_disk
        if not disk.is_small:
            return False
        disk.fill()

        async def free() -> None:
            try:
                await asyncio.sleep(self.seconds)
            finally:
                disk.free()

        hit.owe(asyncio.create_task(free()))
        return True


@dataclass(frozen=True)
class KillMending:
    """A record is torn by a kill, and the daemon after that is killed as it mends the journal."""

    mending: Obey

    async def do(self, hit: Hit, number: int) -> bool:
        before = -1 - number
        hit.expect(before, _TORN)
        if not await Obey("daemon", "pwrite", _JOURNAL, "half").do(hit, before):
            return False
        orders = hit.house.site.orders_for("daemon")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                while orders.is_open("daemon"):  # noqa: ASYNC110 - until another process has obeyed
                    await asyncio.sleep(0.02)
        return await self.mending.do(hit, number)


def _signal(hit: Hit, role: str, number: signal.Signals, house: House | None = None) -> list[int]:
    pids = [hit.app] if role == "app" and hit.app else []
    if role != "app":
        pids = (house or hit.house).pids(role)
    return signal_all(pids, number)


def signal_all(pids: Iterable[int], number: signal.Signals) -> list[int]:
    """Send a signal to these processes; return those that were there."""
    hit_now = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            hit_now.append(pid)
    return hit_now


def _kills(
    name: str, side: Side, role: str, point: str, match: str, whens: Sequence[str], most: int
) -> Kind:
    """Killed at one of the first `most` passes of a point."""
    return Kind(
        name,
        side,
        lambda r: Obey(role, point, match, r.choice(whens), nth=r.randrange(most)),
        is_ordered=True,
    )


def _fails(name: str, side: Side, role: str, points: Sequence[tuple[str, str]], most: int) -> Kind:
    """One of these points fails with ENOSPC or EIO, once or a few times."""

    def make(random: Random) -> Act:
        point, match = random.choice(points)
        return Obey(
            role, point, match, "error", nth=random.randrange(most),
            errno=random.choice(["ENOSPC", "EIO"]), times=random.choice([1, 1, 2]),
        )  # fmt: skip

    return Kind(name, side, make, is_ordered=True)


_JOURNAL, _IMAGES, _OUTPUTS = "/journal", "/images/", "outputs"
_ANY = ("before", "half", "after")
_ENDS = ("before", "after")
_TORN = Kind("daemon: killed at a journal's write", Side.BOX, lambda _: Kill("daemon"))
_JUMPS = (-86_400.0, -3600.0, 3600.0, 40_000_000.0)


def _kill_mending(random: Random) -> Act:
    point, whens = random.choice([("fsync", _ENDS), ("pwrite", _ANY), ("truncate", _ENDS)])
    # First what was torn is set aside, then it is overwritten.
    nth = random.randrange(2) if point == "fsync" else 0
    return KillMending(Obey("daemon", point, _JOURNAL, random.choice(whens), nth))


KINDS: tuple[Kind, ...] = (
    Kind("app: kill -9", Side.LAPTOP, lambda _: Kill("app"), 6),
    _kills("app: killed at a commit", Side.LAPTOP, "app", "commit", "", _ENDS, 30),
    _kills("app: killed at a statement", Side.LAPTOP, "app", "statement", "", _ENDS, 60),
    _kills("app: killed at a result's open", Side.LAPTOP, "app", "open", _OUTPUTS, _ENDS, 4),
    _kills("app: killed at a result's fsync", Side.LAPTOP, "app", "fsync", _OUTPUTS, _ANY, 4),
    _kills("app: killed at a result's rename", Side.LAPTOP, "app", "rename", _OUTPUTS, _ENDS, 4),
    _fails(
        "app: its queue says ENOSPC, EIO",
        Side.LAPTOP,
        "app",
        [("statement", ""), ("commit", "")],
        40,
    ),
    _fails(
        "app: a result's file says ENOSPC, EIO",
        Side.LAPTOP,
        "app",
        [("open", _OUTPUTS), ("fsync", _OUTPUTS), ("rename", _OUTPUTS)],
        3,
    ),
    Kind("app: its disk is full", Side.LAPTOP, lambda r: Fill(Side.LAPTOP, r.uniform(0.3, 2.0))),
    Kind("app: stopped", Side.LAPTOP, lambda r: Stop("app", r.uniform(0.2, 3.0)), 3),
    Kind(
        "app: clock jumps",
        Side.LAPTOP,
        lambda r: Obey("app", "clock", "", "jump", r.randrange(60), seconds=r.choice(_JUMPS)),
        is_ordered=True,
    ),
    Kind("relay: kill -9", Side.LINK, lambda _: Kill("relay"), 6),
    _kills("relay: killed at a write", Side.LINK, "relay", "write", "", _ANY, 12),
    Kind("relay: stopped", Side.LINK, lambda r: Stop("relay", r.uniform(0.2, 3.0)), 3),
    Kind("link: reset", Side.LINK, lambda _: Reset(), 6),
    Kind(
        "link: silent, then back", Side.LINK, lambda r: Swallow(r.uniform(0.2, 3.0), reset=False), 3
    ),
    # Each takes its time.
    Kind(
        "link: silent until given up",
        Side.LINK,
        lambda r: Swallow(r.uniform(35, 45), reset=False),
        0.3,
    ),
    Kind(
        "link: silent, then reset", Side.LINK, lambda r: Swallow(r.uniform(0.2, 3.0), reset=True), 3
    ),
    Kind(
        "link: cut within a message, up",
        Side.LINK,
        lambda r: Cut(Direction.UP, r.randrange(1, 6000)),
        3,
    ),
    Kind(
        "link: cut within a message, down",
        Side.LINK,
        lambda r: Cut(Direction.DOWN, r.randrange(1, 12000)),
        3,
    ),
    Kind("daemon: kill -9", Side.BOX, lambda _: Kill("daemon"), 6),
    _kills("daemon: killed at a journal's write", Side.BOX, "daemon", "pwrite", _JOURNAL, _ANY, 30),
    _kills("daemon: killed at a journal's fsync", Side.BOX, "daemon", "fsync", _JOURNAL, _ENDS, 30),
    Kind("daemon: killed as it mends its journal", Side.BOX, _kill_mending, is_ordered=True),
    _kills("daemon: killed at a picture's open", Side.BOX, "daemon", "open", _IMAGES, _ENDS, 2),
    _kills("daemon: killed at a picture's fsync", Side.BOX, "daemon", "fsync", _IMAGES, _ANY, 2),
    _kills("daemon: killed at a picture's rename", Side.BOX, "daemon", "rename", _IMAGES, _ENDS, 2),
    _kills(
        "daemon: killed at a picture's removal", Side.BOX, "daemon", "unlink", _IMAGES, _ENDS, 2
    ),
    _kills(
        "daemon: killed as it says accepted",
        Side.BOX,
        "daemon",
        "tell",
        '"type":"accepted"',
        _ANY,
        6,
    ),
    _kills(
        "daemon: killed as it says finished",
        Side.BOX,
        "daemon",
        "tell",
        '"type":"finished"',
        _ANY,
        6,
    ),
    _fails(
        "daemon: its journal says ENOSPC, EIO",
        Side.BOX,
        "daemon",
        [("pwrite", _JOURNAL), ("fsync", _JOURNAL)],
        30,
    ),
    _fails(
        "daemon: a picture says ENOSPC, EIO",
        Side.BOX,
        "daemon",
        [("open", _IMAGES), ("fsync", _IMAGES), ("rename", _IMAGES), ("unlink", _IMAGES)],
        2,
    ),
    Kind("daemon: its disk is full", Side.BOX, lambda r: Fill(Side.BOX, r.uniform(0.3, 2.0))),
    Kind("daemon: stopped", Side.BOX, lambda r: Stop("daemon", r.uniform(0.2, 3.0)), 3),
    Kind(
        "daemon: clock jumps",
        Side.BOX,
        lambda r: Obey("daemon", "clock", "", "jump", r.randrange(20), seconds=r.choice(_JUMPS)),
        is_ordered=True,
    ),
    Kind("engine: kill -9", Side.BOX, lambda _: Kill("engine"), 5, needs="vllm"),
    Kind(
        "engine: hangs",
        Side.BOX,
        lambda r: Stop("engine", r.choice([0.5, 1.0, 6.0])),
        2,
        needs="vllm",
    ),
    Kind(
        "draws: app killed between two",
        Side.LAPTOP,
        lambda _: KillBetweenDraws(Kill("app")),
        needs="objects",
    ),
    Kind(
        "draws: app killed as it stores one",
        Side.LAPTOP,
        lambda r: Obey("app", "statement", "SET draws", r.choice(_ENDS), nth=r.randrange(4)),
        needs="objects",
        is_ordered=True,
    ),
    Kind(
        "draws: daemon killed between two",
        Side.BOX,
        lambda _: KillBetweenDraws(Kill("daemon")),
        needs="objects",
    ),
    *HISTORIES,
)
