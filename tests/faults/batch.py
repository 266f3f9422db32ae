"""One batch: specs, and the real command, run again and again until all is done; faults meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.faults.field import House, JsonObject
from tests.faults.kinds import Kind
from tests.support.laptop import UPSAMPLE, hear_ctrl_c

MOST_LIVES = 60
_UNWRITABLE = {
    "app: its disk is full",
    "app: its queue says ENOSPC, EIO",
    "app: a result's file says ENOSPC, EIO",
}
"""With these, a run may say that it cannot begin at all."""
_UNIMPORTANT = ("text", "log", "status")
"""Events that promise nothing."""
_PICTURE = b"P6 48 32 255\n" + bytes(
    (x * 5 + n) % 256 for y in range(32) for x in range(48) for n in range(3)
)


@dataclass(frozen=True)
class Size:
    """How much a batch is, and how close its faults follow one another."""

    files: int = 6
    prompts: int = 3
    """Of each file."""
    pictures: int = 2
    """Files whose first prompt has a picture."""
    most_events: int = 40
    """That are heard before the next fault."""
    most_seconds: float = 2.0
    """That are waited for so many events."""
    life_seconds: float = 150.0
    """A run that takes longer hangs."""
    calm: bool = False
    """No fault before a run, or a new link of it, has told of a job that is done."""


@dataclass(frozen=True)
class Injected:
    """A fault that has happened."""

    number: int
    kind: Kind
    at: float
    """By the monotonic clock, which all processes share."""


@dataclass(frozen=True)
class Planned:
    """A fault that is to come."""

    number: int
    kind: Kind


@dataclass
class Life:
    """One run of the command."""

    arguments: tuple[str, ...]
    began: float
    ended: float = 0.0
    code: int | None = None
    events: list[tuple[float, JsonObject]] = field(default_factory=list)
    errors: str = ""


@dataclass
class Batch:
    """A batch and all that was seen of it from outside."""

    name: str
    house: House
    size: Size = field(default_factory=Size)
    prompts: dict[str, tuple[Path, int]] = field(default_factory=dict)
    """Where the result of each belongs: file and entry."""
    lives: list[Life] = field(default_factory=list)
    injected: list[Injected] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    """What must not be."""
    given_up: list[str] = field(default_factory=list)
    """Failures with a reason, as the user reads them; the same command tries such jobs again."""
    refusals: list[str] = field(default_factory=list)
    """What runs said that ended because the queue or the box could not be used."""
    app: int | None = None
    _owed: list[asyncio.Task[None]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _ordered: dict[int, Kind] = field(default_factory=dict)

    def owe(self, task: asyncio.Task[None]) -> None:
        self._owed.append(task)

    def expect(self, number: int, kind: Kind) -> None:
        self._ordered[number] = kind

    async def run(self, faults: deque[Planned], most: int, random: Random) -> None:
        """Do the batch; takes what it can of the faults, and puts back what did not happen."""
        self._write_specs(random)
        injecting = asyncio.create_task(self._inject(faults, most, random))
        try:
            await self._live(random)
        finally:
            for task in (injecting, *self._owed):
                task.cancel()
            await asyncio.gather(injecting, *self._owed, return_exceptions=True)
            self._settle(faults)

    # --- specs ---

    @property
    def specs(self) -> Path:
        return self.house.laptop.cwd / self.name

    @property
    def outputs(self) -> Path:
        return self.house.laptop.cwd / "outputs" / self.name

    def _write_specs(self, random: Random) -> None:
        self.specs.mkdir()
        for number in range(self.size.files):
            entries: list[JsonObject] = []
            for entry in range(self.size.prompts):
                prompt = f"scene {self.name} {number}-{entry}"
                spec = {"prompt": prompt, "output_video": f"{prompt}.mp4"}
                if number < self.size.pictures and entry == 0:
                    picture = self.specs / f"picture{number}.ppm"
                    picture.write_bytes(_PICTURE[:-4] + random.randbytes(4))
                    spec["input_video"] = str(picture)
                entries.append(spec)
                self.prompts[prompt] = (self.outputs / f"{self.name}-{number}.json", entry)
            (self.specs / f"{self.name}-{number}.json").write_text(json.dumps(entries))

    # --- the command, again and again ---

    async def _live(self, random: Random) -> None:
        with_paths = ("--no-ui", "--json", str(self.specs), "--save-dir", str(self.outputs))
        for _ in range(MOST_LIVES):
            is_queued = any(e["type"] == "prepared" for life in self.lives for _, e in life.events)
            last = self.lives[-1].code if self.lives else None
            # What failed is asked for anew by naming it, as a user would.
            goes_on = is_queued and last != 1 and not self.given_up and random.random() < 0.4
            life = await self._run(("--no-ui", "--json") if goes_on else with_paths)
            self._judge(life)
            if life.code == 0 or self.troubles:
                return
            if life.code in (2, 3):
                await asyncio.sleep(0.5)
        self.troubles.append(f"{MOST_LIVES} runs did not finish the batch")

    async def _run(self, arguments: tuple[str, ...]) -> Life:
        life = Life(arguments, time.monotonic())
        self.lives.append(life)
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
        life.ended = time.monotonic()
        return life

    @contextlib.asynccontextmanager
    async def _process(
        self, arguments: tuple[str, ...]
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            str(UPSAMPLE), *arguments,
            cwd=self.house.laptop.cwd,
            env=self.house.laptop.environment(),
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
        kinds = {i.kind.name for i in [*self.injected, *self._told_now()]}
        excused = {
            0: True,
            1: True,  # something failed, or is postponed: the next run does it
            2: bool(kinds & _UNWRITABLE),
            3: bool(kinds),
            -9: any(kind.startswith("app") for kind in kinds),
        }
        if life.code is not None and not excused.get(life.code, False):
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
        if self.app is None or (self.size.calm and not self._is_at_work):
            return False
        if not await planned.kind.make(random).do(self, planned.number):
            return False
        if planned.kind.is_ordered:
            self._ordered[planned.number] = planned.kind
        else:
            self.injected.append(Injected(planned.number, planned.kind, at))
        return True

    @property
    def _is_at_work(self) -> bool:
        told = (event["type"] for _, event in reversed(self.lives[-1].events))
        return next((kind for kind in told if kind in ("done", "link")), "link") == "done"

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
        site = self.house.site
        for orders in (site.laptop_orders, site.box_orders):
            orders.withdraw()
        site.wire.forget_cuts()
        told = self._told_now()
        self.injected = sorted([*self.injected, *told], key=lambda i: i.at)
        happened = {i.number for i in told}
        # To the front: what seldom comes about would else be all that is left at the end.
        faults.extendleft(
            Planned(number, kind)
            for number, kind in self._ordered.items()
            if number not in happened and number >= 0
        )
