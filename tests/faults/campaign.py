"""A whole run: which faults come, in which houses, and what they came to."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.faults.batch import Batch
from tests.faults.evidence import keep_evidence
from tests.faults.field import Field, open_field
from tests.faults.kind import Kind
from tests.faults.kinds import KINDS, Fill
from tests.faults.oracle import Judgement, judge, judge_end
from tests.faults.report import Tally
from tests.faults.seen import Injected, Planned

BATCHES_A_HOUSE = 6
_MOST_IDLE_BATCHES = 40
"""One after the other in which nothing that was planned could happen."""
FAULTS_A_BATCH = 7


class Campaign:
    """So many faults, by a seed. The seed decides which ones come and when; processes keep their own time."""

    def __init__(
        self,
        count: int,
        seed: int,
        folder: Path,
        *,
        fields: int = 1,
        only: str = "",
        keep_going: bool = False,
        say: Callable[[str], None],
    ) -> None:
        """`only` has parts of the names of the kinds, with commas between; `folder` takes the evidence of
        what went wrong.
        """
        self._count = count
        self._seed = seed
        self._folder = folder
        self._fields = fields
        self._kinds = [kind for kind in KINDS if any(part in kind.name for part in only.split(","))]
        self._keep_going = keep_going
        self._say = say
        self.tally = Tally(KINDS)
        self._began = time.monotonic()

    async def run(self) -> int:
        """Inject them all; 1 when anything was found that must not be."""
        self._say(f"seed {self._seed}: {self._count} faults")
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            async with asyncio.TaskGroup() as group:
                for number in range(self._fields):
                    group.create_task(self._work(Path(folder) / f"field{number}", number))
        self._say(self.tally.table())
        self._say(self.tally.summary(self._seed, time.monotonic() - self._began))
        return 1 if self.tally.troubles else 0

    async def _work(self, folder: Path, number: int) -> None:
        random = Random(f"{self._seed}-{number}")
        share = self._count // self._fields + (number < self._count % self._fields)
        faults = deque(self._choose(share, random, number))
        async with open_field(folder) as field:
            if not field.box_disk.is_small:
                self._say("no small disk can be mounted here: no disk gets full")
                faults = deque(f for f in faults if not isinstance(f.kind.make(random), Fill))
            houses = idle = 0
            while faults and (self._keep_going or not self.tally.troubles):
                left = len(faults)
                # What is left may need one engine or the other.
                needed = [planned.kind.needs for planned in faults if planned.kind.needs]
                engine = random.choice(needed or ["vllm"])
                await self._live_in_house(field, f"{number}h{houses}", engine, faults, random)
                houses += 1
                idle = idle + BATCHES_A_HOUSE if len(faults) == left else 0
                if idle > _MOST_IDLE_BATCHES:
                    never = ", ".join(sorted({planned.kind.name for planned in faults}))
                    self.tally.troubles.append(f"NEVER: {never}")
                    return

    def _choose(self, share: int, random: Random, number: int) -> list[Planned]:
        """Every kind once before chance decides; the order is chance alone."""
        kinds: list[Kind] = [
            kind for n, kind in enumerate(self._kinds) if n % self._fields == number
        ][:share]
        weights = [kind.weight for kind in self._kinds]
        kinds += random.choices(self._kinds, weights, k=share - len(kinds))
        random.shuffle(kinds)
        return [Planned(number * 1_000_000 + n, kind) for n, kind in enumerate(kinds)]

    async def _live_in_house(
        self, field: Field, name: str, engine: str, faults: deque[Planned], random: Random
    ) -> None:
        with field.house(name, engine) as house:
            injected: list[Injected] = []
            for number in range(BATCHES_A_HOUSE):
                if not faults:
                    break
                batch = Batch(f"{name}b{number}", house, hands_over=random.random() < 0.5)
                await batch.run(faults, FAULTS_A_BATCH, random)
                injected += batch.injected
                verdict = judge(batch)
                self.tally.add(batch, verdict)
                self._tell(batch, verdict)
                if verdict.troubles:
                    self._say(keep_evidence(self._folder, self._seed, batch, verdict.troubles))
                    return
            troubles = await judge_end(house)
            if troubles:
                self.tally.add_end(troubles, injected)
                self._say("\n".join(troubles))
                self._say(keep_evidence(self._folder, self._seed, batch, troubles))

    def _tell(self, batch: Batch, verdict: Judgement) -> None:
        tally = self.tally
        kinds = Counter(i.kind.name for i in batch.injected)
        self._say(
            f"{time.monotonic() - self._began:6.0f} s  {tally.injected:5}/{self._count}  {batch.name}: "
            f"{len(batch.lives)} runs, {len(verdict.repeats)} again  " + ", ".join(kinds)
        )
        for trouble in verdict.troubles:
            self._say(f"    {trouble}")
