"""`make soak JOBS=20000`: one long batch of the engine sketch with faults on, and what it costs as it grows.

The results are judged by a sketch engine in this process: it gives the same text for the same request. What
app and daemon take (memory, and CPU for each thousand jobs) is sampled while they live.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random

from remote.engines.sketch import SketchEngine
from tests.faults.batch import Batch, Size
from tests.faults.evidence import keep_evidence
from tests.faults.field import House, open_field
from tests.faults.kind import Side
from tests.faults.kinds import KINDS, Fill
from tests.faults.oracle import Judgement, judge_end, judge_files
from tests.faults.report import Tally
from tests.faults.seen import Planned

PROMPTS_A_FILE = 50
_SAMPLE_SECONDS = 2.0
_TELL_SECONDS = 30.0
_LIFE_SECONDS = 4 * 3600.0
_MIB = 1 << 20
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Sample:
    """A process at a moment."""

    done: int
    """Jobs that were told to be done by then, over all runs."""
    rss: int
    """Bytes."""
    cpu: float
    """Seconds since it started."""


@dataclass
class Watched:
    """The samples of app and daemon, by process."""

    batch: Batch
    samples: dict[tuple[str, int], list[Sample]] = field(default_factory=lambda: defaultdict(list))

    @property
    def done(self) -> int:
        return sum(e["type"] == "done" for life in self.batch.lives for _, e in life.events)

    async def watch(self) -> None:
        """Sample until cancelled."""
        while True:
            await asyncio.sleep(_SAMPLE_SECONDS)
            done = self.done
            apps = [self.batch.app] if self.batch.app else []
            for role, pids in (("app", apps), ("daemon", self.batch.house.pids("daemon"))):
                for pid in pids:
                    with contextlib.suppress(OSError):
                        self.samples[role, pid].append(_sample(pid, done))

    def table(self) -> str:
        """One row a process that saw enough jobs: memory at four moments, CPU in its quarters."""
        lines = [
            "| process | jobs | RSS at ¼, ½, ¾, end | CPU seconds per 1,000 jobs, by quarter |",
            "| --- | --- | --- | --- |",
        ]
        for (role, _), samples in self.samples.items():
            first, last = samples[0].done, samples[-1].done
            if last - first < 500:
                continue
            at = [_at(samples, first + (last - first) * n // 4) for n in range(5)]
            rss = ", ".join(f"{s.rss / _MIB:.1f}" for s in at[1:])
            cpu = ", ".join(
                f"{1000 * (b.cpu - a.cpu) / max(1, b.done - a.done):.2f}" for a, b in pairwise(at)
            )
            lines.append(f"| {role} | {first:,} to {last:,} | {rss} MiB | {cpu} |")
        return "\n".join(lines)


def _sample(pid: int, done: int) -> Sample:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Sample(done, int(fields[21]) * _PAGE, (int(fields[11]) + int(fields[12])) / _TICKS)


def _at(samples: list[Sample], done: int) -> Sample:
    return next(sample for sample in samples if sample.done >= done)


async def soak(
    jobs: int, seed: int, seconds: float, evidence: Path, say: Callable[[str], None]
) -> int:
    """Do so many jobs, with a fault every `seconds` or so; 1 when anything was found that must not be,
    of which the evidence goes into that folder.
    """
    tally = Tally(KINDS)
    began = time.monotonic()
    say(f"seed {seed}: {jobs:,} jobs")
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        # Disks that are small enough to be filled hold no 20,000 jobs.
        async with open_field(Path(folder) / "field", disk_mib=0) as site:
            with site.house("soak", engine="sketch") as house:
                watched = Watched(Batch("soak", house, _size(jobs, seconds), hands_over=True))
                await _do(watched, Random(seed), say)
                verdict = await _judge(watched.batch)
                tally.add(watched.batch, verdict)
                if verdict.troubles:
                    say(keep_evidence(evidence, seed, watched.batch, verdict.troubles))
    say(watched.table())
    say(tally.table())
    say(tally.summary(seed, time.monotonic() - began))
    for trouble in tally.troubles[:20]:
        say(f"    {trouble}")
    return 1 if tally.troubles else 0


def _link(batch: Batch) -> str:
    """How the link stands, as the run that goes on has told last."""
    told = [e for _, e in batch.lives[-1].events if e["type"] == "link"]
    return f"{told[-1]['state']} {told[-1]['detail'][:60]}" if told else "not yet"


def _size(jobs: int, seconds: float) -> Size:
    return Size(
        files=-(-jobs // PROMPTS_A_FILE),
        prompts=PROMPTS_A_FILE,
        pictures=0,
        most_events=1 << 30,
        most_seconds=seconds,
        life_seconds=_LIFE_SECONDS,
        calm=True,
    )


async def _do(watched: Watched, random: Random, say: Callable[[str], None]) -> None:
    faults = deque(_choose(random))
    watching = [asyncio.create_task(watched.watch()), asyncio.create_task(_tell(watched, say))]
    try:
        await watched.batch.run(faults, len(faults), random)
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)


async def _judge(batch: Batch) -> Judgement:
    verdict = Judgement(list(batch.troubles), answers=len(batch.prompts))
    judge_files(batch, await _expected(batch.house), verdict)
    _judge_journal(batch.house, verdict)
    verdict.troubles += await judge_end(batch.house)
    return verdict


async def _tell(watched: Watched, say: Callable[[str], None]) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(_TELL_SECONDS)
        newest = {role: samples[-1] for (role, _), samples in watched.samples.items()}
        rss = ", ".join(f"{role} {sample.rss / _MIB:.1f} MiB" for role, sample in newest.items())
        ended = [str(life.code) for life in watched.batch.lives if life.code is not None]
        at = f"{time.monotonic() - began:6.0f} s  {watched.done:6} done; {rss}"
        say(f"{at}; runs ended with: {', '.join(ended) or 'none'}; link {_link(watched.batch)}")


def _choose(random: Random) -> list[Planned]:
    """More faults than come to pass; the app is seldom hit, so that it grows old."""
    kinds = [
        kind
        for kind in KINDS
        if "engine" not in kind.name
        and "picture" not in kind.name
        and not kind.is_history
        and not isinstance(kind.make(random), Fill)
    ]
    weights = [kind.weight / (40 if kind.side is Side.LAPTOP else 1) for kind in kinds]
    chosen = random.choices(kinds, weights, k=10_000)
    return [Planned(number, kind) for number, kind in enumerate(chosen)]


async def _expected(house: House) -> dict[str, set[str]]:
    """What sketch says to each request that the box accepted, by prompt."""
    engine = SketchEngine()
    texts: defaultdict[str, set[str]] = defaultdict(set)
    for request in house.requests().values():
        pieces = [p async for p in engine.generate(request, ()) if isinstance(p, str)]
        texts[request.prompt].add("".join(pieces).strip())
    return texts


def _judge_journal(house: House, verdict: Judgement) -> None:
    """Nothing is begun after it was finished."""
    finished: set[object] = set()
    started: Counter[object] = Counter()
    for record in house.journaled():
        job = record.get("job")
        if record["type"] == "finished":
            finished.add(job)
        elif record["type"] == "started":
            started[job] += 1
            if job in finished:
                verdict.troubles.append(f"REPEATED: {job} was begun after its result was durable")
    verdict.repeats += [None] * sum(count - 1 for count in started.values())
