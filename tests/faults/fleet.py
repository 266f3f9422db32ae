"""`make faults ENGINE=fleet`: batches that two real boxes share, whose links, daemons and whole machines go.

A box that is gone for good has its jobs given to the other one by `queue reassign`. Each job must end once;
only what was given to the other box may be done twice, and then the second answer is kept and said.
"""

from __future__ import annotations

import asyncio
import json
import signal
import tempfile
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.faults.batch import Batch, Size
from tests.faults.evidence import keep_evidence
from tests.faults.field import IDLE_SECONDS, Field, House, open_field
from tests.faults.fleet_oracle import judge_fleet, judge_fleet_end
from tests.faults.kind import Act, Hit, Kind, Side
from tests.faults.kinds import Kill, Swallow, signal_all
from tests.faults.seen import Planned

NAMES = ("test", "second")
"""The boxes, by their names in the config."""
_A_BATCH = 5
"""Faults that come over one batch."""
_SIZE = Size(files=8, most_events=12, most_seconds=1.0)


@dataclass
class Fleet:
    """Two boxes of one user."""

    houses: tuple[House, House]
    """The user is that of the first one."""
    reassigned: set[int] = field(default_factory=set)
    """The numbers of the jobs that were given to another box."""
    gone: set[int] = field(default_factory=set)
    """The boxes that cannot be reached now."""

    @contextmanager
    def without(self, box: int) -> Iterator[None]:
        """A box is away while the block runs: nobody gets in, and nothing runs there any more."""
        house = self.houses[box]
        self.gone.add(box)
        try:
            with house.site.refusing():
                house.site.wire.reset()
                for role in ("relay", "daemon", "engine"):
                    signal_all(house.pids(role), signal.SIGKILL)
                yield
        finally:
            self.gone.discard(box)


@dataclass(frozen=True)
class Leave:
    """A box is gone, and comes back after a while. Before that, its jobs may be given to the other one."""

    fleet: Fleet
    box: int
    reassigned_after: float | None
    """Seconds until its jobs are given to the other box; None if they are not."""
    back_after: float
    """Seconds until it is back, after that."""

    async def do(self, hit: Hit, number: int) -> bool:
        if self.fleet.gone or not hit.is_at_work or not self.fleet.houses[self.box].unfinished():
            return False
        away = self.fleet.without(self.box)
        away.__enter__()
        try:
            if self.reassigned_after is not None:
                await asyncio.sleep(self.reassigned_after)
                await self._reassign(hit)
        except BaseException:
            away.__exit__(None, None, None)
            raise

        async def come_back() -> None:
            try:
                await asyncio.sleep(self.back_after)
            finally:
                away.__exit__(None, None, None)

        hit.owe(asyncio.create_task(come_back()))
        # Or a batch that ends at once would cancel it before it has begun.
        await asyncio.sleep(0)
        return True

    async def _reassign(self, hit: Hit) -> None:
        here, other = NAMES[self.box], NAMES[1 - self.box]
        arguments = ("queue", "reassign", "--from", here, "--box", other, "--json")
        ended = await asyncio.to_thread(hit.laptop.run, *arguments)
        told = [json.loads(line) for line in ended.stdout.splitlines()]
        self.fleet.reassigned |= {each["job"] for each in told if "given" in each["outcome"]}


def kinds_of(fleet: Fleet) -> tuple[Kind, ...]:
    """What can happen to this fleet."""

    def on(make: Callable[[Random, int], Act]) -> Callable[[Random], Act]:
        return lambda random: make(random, random.randrange(len(NAMES)))

    return (
        Kind(
            "fleet: link cut",
            Side.LINK,
            on(lambda r, n: Swallow(r.uniform(0, 2), reset=True, house=fleet.houses[n])),
        ),
        Kind("fleet: daemon killed", Side.BOX, on(lambda _, n: Kill("daemon", fleet.houses[n]))),
        Kind("fleet: app killed", Side.LAPTOP, lambda _: Kill("app")),
        Kind(
            "fleet: box gone and back",
            Side.BOX,
            on(lambda r, n: Leave(fleet, n, None, r.uniform(0.5, 4))),
        ),
        Kind(
            "fleet: box gone, its jobs reassigned",
            Side.BOX,
            on(lambda r, n: Leave(fleet, n, r.uniform(0, 1), r.choice([0.0, 1.0, 60.0]))),
            forgets=True,
        ),
    )


KIND_NAMES = tuple(kind.name for kind in kinds_of(Fleet(())))  # type: ignore[arg-type]


class FleetCampaign:
    """So many faults on fleets of two boxes, by a seed."""

    def __init__(self, count: int, seed: int, folder: Path, say: Callable[[str], None]) -> None:
        """`folder` takes the evidence of what went wrong."""
        self._random = Random(seed)
        chosen = list(range(len(KIND_NAMES)))[:count]
        chosen += self._random.choices(range(len(KIND_NAMES)), k=count - len(chosen))
        self._random.shuffle(chosen)
        self._chosen = deque(enumerate(chosen))
        self._seed = seed
        self._folder = folder
        self._say = say
        self._injected: Counter[str] = Counter()
        self.troubles: list[str] = []

    async def run(self) -> int:
        """Inject them all; 1 when anything was found that must not be."""
        self._say(f"seed {self._seed}: {len(self._chosen)} faults on fleets of two boxes")
        began, jobs, batches, again, twice = time.monotonic(), 0, 0, 0, 0
        with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
            async with _two_fields(Path(folder)) as fields:
                while self._chosen and not self.troubles:
                    fleet, batch = await self._live(fields, f"f{batches}")
                    batches, jobs = batches + 1, jobs + len(batch.prompts)
                    verdict = judge_fleet(batch, fleet.houses, fleet.reassigned)
                    again, twice = again + verdict.again, twice + verdict.twice
                    await self._end(batch, fleet, verdict.troubles)
                    names = ", ".join(_names(batch))
                    self._say(
                        f"{time.monotonic() - began:6.0f} s  {len(batch.lives)} runs  {names}"
                    )
        counts = ", ".join(f"{name[7:]} {self._injected[name]}" for name in KIND_NAMES)
        self._say(f"{batches} batches, {jobs} jobs, {self._injected.total()} faults: {counts}")
        self._say(f"{again} requests begun again, {twice} jobs answered by both boxes")
        self._say("\n".join(self.troubles) or "nothing was lost, doubled, wrong, failed or left")
        return 1 if self.troubles else 0

    async def _live(self, fields: tuple[Field, Field], name: str) -> tuple[Fleet, Batch]:
        first, second = (
            House(site, site.folder / name, site.folder / f"{name}-box") for site in fields
        )
        fleet = Fleet((first, second))
        _configure(fleet)
        kinds = kinds_of(fleet)
        planned = deque(
            Planned(number, kinds[which])
            for number, which in (
                self._chosen.popleft() for _ in range(min(_A_BATCH, len(self._chosen)))
            )
        )
        batch = Batch(name, first, _SIZE)
        await batch.run(planned, _A_BATCH, self._random)
        self._chosen.extendleft((left.number, kinds.index(left.kind)) for left in planned)
        self._injected.update(_names(batch))
        return fleet, batch

    async def _end(self, batch: Batch, fleet: Fleet, troubles: list[str]) -> None:
        found = troubles or await judge_fleet_end(fleet.houses, NAMES)
        self.troubles += found
        if found:
            self._say(keep_evidence(self._folder, self._seed, batch, found))
        for house in fleet.houses:
            house.end()


def _names(batch: Batch) -> list[str]:
    return [injected.kind.name for injected in batch.injected]


@asynccontextmanager
async def _two_fields(folder: Path) -> AsyncIterator[tuple[Field, Field]]:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(open_field(folder / "first", 0))
        second = await stack.enter_async_context(open_field(folder / "second", 0))
        yield first, second


def _configure(fleet: Fleet) -> None:
    """Give the first one's user both boxes, which share each batch and have the same model."""
    first, second = fleet.houses
    laptop, key = first.laptop, second.site.key
    laptop.add_host("secondbox", second.site.wire.port, key=key)
    laptop.trust(second.site.wire.port, second.site.sshd.host_key)
    lines = [f"box = {json.dumps(NAMES)}"]
    for name, house, host in zip(NAMES, fleet.houses, ("testbox", "secondbox"), strict=True):
        lines += [f'[boxes.{name}]\nhost = "{host}"\nroot = "{house.root}"\nengine = "vllm"']
        lines += [f"idle_timeout = {IDLE_SECONDS}\n{house.vllm_settings(name)}"]
    config = "\n".join(lines)
    laptop.configure(config.replace(str(second.model_folder), str(first.model_folder)))
