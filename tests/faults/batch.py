"""One batch: specs, and the real command, run again and again until all is done; faults meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from benchmarks.cpu import of_ended_children
from tests.faults.field import House
from tests.faults.kind import Frozen, Kind, Side
from tests.faults.scenes import Scene, make_scenes, write_spec
from tests.faults.seen import Injected, Life, Planned, Switch
from tests.support.laptop import UPSAMPLE, Laptop, hear_ctrl_c

MOST_LIVES = 60
_UNWRITABLE = {
    "app: its disk is full",
    "app: its queue says ENOSPC, EIO",
    "app: a result's file says ENOSPC, EIO",
}
"""With these, a run may say that it cannot begin at all."""
_UNIMPORTANT = ("text", "log", "status")
"""Events that promise nothing."""


@dataclass(frozen=True)
class Size:
    """How much a batch is, and how close its faults follow one another."""

    files: int = 6
    prompts: int = 3
    """Of each file."""
    pictures: int = 2
    """Files of which one prompt has a picture."""
    most_events: int = 40
    """That are heard before the next fault."""
    most_seconds: float = 2.0
    """That are waited for so many events."""
    life_seconds: float = 150.0
    """A run that takes longer hangs."""
    calm: bool = False
    """No fault before a run, or a new link of it, has told of a job that is done."""


@dataclass
class Batch:
    """A batch and all that was seen of it from outside."""

    name: str
    house: House
    size: Size = field(default_factory=Size)
    guest_laptop: Laptop | None = None
    """Whose batch it is; None for the house's own user."""
    prompts: dict[str, tuple[Path, int]] = field(default_factory=dict)
    """Where the result of each belongs: file and entry."""
    scenes: list[Scene] = field(default_factory=list)
    sources: dict[str, Path] = field(default_factory=dict)
    """The pictures of the prompts that have one."""
    moved: list[Path] = field(default_factory=list)
    """Pictures that were moved away at some time."""
    switches: list[Switch] = field(default_factory=list)
    hands_over: bool = False
    """Whether runs give the box the whole batch at once, from the next one on."""
    frozen: list[Frozen] = field(default_factory=list)
    """The times in which the box worked alone."""
    guest: Batch | None = None
    """What another laptop does on the same box meanwhile."""
    lives: list[Life] = field(default_factory=list)
    injected: list[Injected] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    """What must not be."""
    given_up: list[str] = field(default_factory=list)
    """Failures with a reason, as the user reads them; the same command tries such jobs again."""
    refusals: list[str] = field(default_factory=list)
    """What runs said that ended because the queue or the box could not be used."""
    app: int | None = None
    is_over: bool = False
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the run that goes on, and by what happens between two runs."""
    _engine_number: int = 0
    """Of the engine in the config as the batch began."""
    _goes_on: bool = False
    """Whether the next run must go on with the queue."""
    _visit: asyncio.Task[None] | None = None
    """The guest's."""
    _owed: list[asyncio.Task[None]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _ordered: dict[int, Kind] = field(default_factory=dict)

    def owe(self, task: asyncio.Task[None]) -> None:
        self._owed.append(task)

    def expect(self, number: int, kind: Kind) -> None:
        self._ordered[number] = kind

    @contextlib.asynccontextmanager
    async def between_runs(self, how: signal.Signals | None) -> AsyncIterator[bool]:
        """No run goes on during the block; see `tests.faults.kind.Hit`."""
        if how is not None and self.app is not None:
            self.lives[-1].was_broken_off = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.app, how)
        async with self._turn:
            yield not self.is_over

    def go_on_next(self) -> None:
        self._goes_on = True

    def move_away(self, source: Path) -> None:
        source.rename(_away(source))
        self.moved.append(source)

    def note_switch(self, label: str, known: set[str]) -> None:
        self.switches.append(Switch(label, frozenset(known)))

    def note_frozen(self, frozen: Frozen) -> None:
        self.frozen.append(frozen)

    def invite(self, seed: int) -> bool:
        """A second laptop begins a batch that has about half of its prompts from this one."""
        if self.guest is not None:
            return False
        self.guest = Batch(f"{self.name}g", self.house, self.size, self.house.new_guest())
        # What happens to the box and the link happens to both.
        self.guest.injected, self.guest._ordered = self.injected, self._ordered
        random = Random(seed)
        shared = [scene for scene in self.scenes if random.random() < 0.5]
        self.guest._write_specs(random, shared)
        self._visit = asyncio.create_task(self.guest._live(random))
        return True

    async def run(self, faults: deque[Planned], most: int, random: Random) -> None:
        """Do the batch; takes what it can of the faults, and puts back what did not happen."""
        self._write_specs(random)
        injecting = asyncio.create_task(self._inject(faults, most, random))
        try:
            await self._live(random)
            injecting.cancel()
            if self._visit is not None:
                await self._visit
        finally:
            tasks = [injecting, *self._owed, *([self._visit] if self._visit else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._settle(faults)

    # --- specs ---

    @property
    def laptop(self) -> Laptop:
        return self.guest_laptop or self.house.laptop

    @property
    def specs(self) -> Path:
        return self.laptop.cwd / self.name

    @property
    def outputs(self) -> Path:
        return self.laptop.cwd / "outputs" / self.name

    def _write_specs(self, random: Random, shared: Sequence[Scene] = ()) -> None:
        """Write the specs; the first prompts are these, which are another batch's, too."""
        size = self.size
        self._engine_number = self.house.engine_number
        self.specs.mkdir()
        own = make_scenes(self.name, size.files, size.prompts, size.pictures, random)
        self.scenes = [*shared, *own[len(shared) :]]
        for number in range(size.files):
            first = number * size.prompts
            scenes = self.scenes[first : first + size.prompts]
            name = f"{self.name}-{number}.json"
            self.sources |= write_spec(self.specs / name, scenes)
            for entry, scene in enumerate(scenes):
                self.prompts[scene.prompt] = (self.outputs / name, entry)

    # --- the command, again and again ---

    async def _live(self, random: Random) -> None:
        for _ in range(MOST_LIVES):
            async with self._turn:
                if self._is_for_another_engine and self.lives[-1].code == 1:
                    await asyncio.to_thread(self.laptop.run, "queue", "retry", "--failed")
                life = await self._run(self._next_arguments(random))
                self._judge(life)
                self.is_over = life.code == 0 or bool(self.troubles)
            if self.is_over:
                return
            if life.code in (2, 3):
                await asyncio.sleep(0.5)
        self.troubles.append(f"{MOST_LIVES} runs did not finish the batch")

    def _next_arguments(self, random: Random) -> tuple[str, ...]:
        """Name the paths, or go on with the queue, as a user would."""
        if self.given_up:
            self._bring_back()
        is_queued = any(e["type"] == "prepared" for life in self.lives for _, e in life.events)
        last = self.lives[-1].code if self.lives else None
        # What failed is asked for anew by naming it.
        goes_on = is_queued and last != 1 and not self.given_up and random.random() < 0.4
        must = self._goes_on or any(not source.exists() for source in self.moved)
        must = must or self._is_for_another_engine
        self._goes_on = False
        options = ("--no-ui", "--json", "--hand-over" if self.hands_over else "--no-hand-over")
        if goes_on or (is_queued and must):
            return options
        return (*options, str(self.specs), "--save-dir", str(self.outputs))

    @property
    def _is_for_another_engine(self) -> bool:
        """Whether the config names another engine than before. Then the same paths would be another batch."""
        return self.house.engine_number != self._engine_number

    def _bring_back(self) -> None:
        for source in self.moved:
            if not source.exists():
                _away(source).rename(source)

    async def _run(self, arguments: tuple[str, ...]) -> Life:
        life = Life(arguments, time.monotonic())
        self.lives.append(life)
        cpu_before = of_ended_children()
        async with self._process(arguments) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            reading = asyncio.create_task(self._hear(life, process.stdout))
            complaining = asyncio.create_task(process.stderr.read())
            try:
                async with asyncio.timeout(self.size.life_seconds):
                    life.code = await process.wait()
            except TimeoutError:
                self.troubles.append(f"a run hung for {self.size.life_seconds:.0f} s")
                process.kill()
            await reading
            life.errors = (await complaining).decode(errors="replace")
        life.ended, life.cpu = time.monotonic(), of_ended_children() - cpu_before
        return life

    @contextlib.asynccontextmanager
    async def _process(
        self, arguments: tuple[str, ...]
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            str(UPSAMPLE), *arguments,
            cwd=self.laptop.cwd,
            env=self.laptop.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=hear_ctrl_c,
            limit=1 << 24,
        )  # fmt: skip
        self.app = process.pid
        try:
            yield process
        finally:
            self.app = None
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _hear(self, life: Life, stdout: asyncio.StreamReader) -> None:
        while line := await stdout.readline():
            if line.endswith(b"\n"):
                event = json.loads(line)
                if event["type"] not in _UNIMPORTANT:
                    life.events.append((time.monotonic(), event))
                self._news.set()

    def _judge(self, life: Life) -> None:
        for sign in ("Traceback", "never retrieved", "never awaited", "was destroyed"):
            if sign in life.errors:
                self.troubles.append(f"the app broke: {life.errors[-3000:]}")
        self.given_up += [e["error"] for _, e in life.events if e["type"] == "failed"]
        if life.code in (2, 3):
            said = [line for line in life.errors.splitlines() if line.startswith("upsample: ")]
            self.refusals += [f"exit {life.code}: {line[10:]}" for line in said]
        seen = [i.kind for i in [*self.injected, *self._told_now()]]
        kinds = {kind.name for kind in seen}
        excused = {
            0: True,
            1: True,  # something failed, or is postponed: the next run does it
            2: bool(kinds & _UNWRITABLE),
            3: bool(kinds),
            -9: any(kind.side is Side.LAPTOP for kind in seen),
        }
        if life.was_broken_off or life.code is None:
            return
        if not excused.get(life.code, False):
            self.troubles.append(f"a run ended with {life.code}: {life.errors[-2000:]}")

    # --- faults ---

    async def _inject(self, faults: deque[Planned], most: int, random: Random) -> None:
        while most and faults:
            # One at least, or what cannot happen yet would be tried without a pause.
            await self._wait(1 + random.randrange(self.size.most_events))
            for _ in range(len(faults)):
                if await self._happens(faults[0], random):
                    faults.popleft()
                    most -= 1
                    break
                faults.rotate(-1)

    async def _happens(self, planned: Planned, random: Random) -> bool:
        at = time.monotonic()
        if self.app is None or (self.size.calm and not self.is_at_work):
            return False
        if planned.kind.needs not in ("", self.house.engine):
            return False
        if not await planned.kind.make(random).do(self, planned.number):
            return False
        if planned.kind.is_ordered:
            self._ordered[planned.number] = planned.kind
        else:
            self.injected.append(Injected(planned.number, planned.kind, at))
        return True

    @property
    def is_at_work(self) -> bool:
        told = (event["type"] for _, event in reversed(self.lives[-1].events))
        return next((kind for kind in told if kind in ("done", "link")), "link") == "done"

    @property
    def drawn_again(self) -> int:
        return sum(
            event["type"] == "drawn again" for life in self.lives for _, event in life.events
        )

    @property
    def is_handed_over(self) -> bool:
        return any(event["type"] == "handed over" for _, event in self.lives[-1].events)

    async def _wait(self, events: int) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.size.most_seconds):
                for _ in range(events):
                    self._news.clear()
                    await self._news.wait()

    def _told_now(self) -> list[Injected]:
        site = self.house.site
        told = [*site.laptop_orders.told("fired"), *site.box_orders.told("fired")]
        return [
            Injected(t["id"], self._ordered[t["id"]], t["at"])
            for t in told
            if t["id"] in self._ordered
        ]

    def _settle(self, faults: deque[Planned]) -> None:
        """Nothing is amiss any more when this returns; what did not happen will be tried again."""
        self._bring_back()
        self.house.refuse_none()
        site = self.house.site
        for orders in (site.laptop_orders, site.box_orders):
            orders.withdraw()
        site.wire.forget_cuts()
        told = self._told_now()
        self.injected = sorted([*self.injected, *told], key=lambda i: i.at)
        if self.guest is not None:
            self.guest.injected = self.injected
        happened = {i.number for i in told}
        # To the front: what seldom comes about would else be all that is left at the end.
        faults.extendleft(
            Planned(number, kind)
            for number, kind in self._ordered.items()
            if number not in happened and number >= 0
        )


def _away(source: Path) -> Path:
    return source.with_name(f"{source.name}.away")
