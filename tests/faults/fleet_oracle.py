"""What must hold after a batch that two boxes have shared: see `tests.faults.fleet`."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from tests.faults.batch import Batch
from tests.faults.field import House
from tests.faults.kind import Side
from tests.faults.oracle import (
    Judgement,
    judge_acknowledgements,
    judge_files,
    left_on,
    until_quiet,
)

_LASTING = 15.0
"""Seconds that a fault may go on after it has begun."""
_GRACE = 0.05
"""Seconds between what happens and somebody else's note of it."""


@dataclass
class FleetJudgement(Judgement):
    """What is known of a batch of a fleet."""

    again: int = 0
    """Requests that began on a box more than once, or on both."""
    twice: int = field(default=0)
    """Jobs whose second answer was said."""


def judge_fleet(
    batch: Batch, houses: Sequence[House], reassigned: Collection[int]
) -> FleetJudgement:
    """Everything that can be said as soon as the batch is over."""
    found = FleetJudgement(list(batch.troubles), answers=len(batch.prompts))
    found.troubles += [f"FAILED: {reason}" for reason in batch.given_up]
    completed: defaultdict[str, set[str]] = defaultdict(set)
    for house in houses:
        for line in house.engine_told():
            if line["event"] == "completed":
                completed[line["prompt"]].add(line["text"])
    judge_files(batch, completed, found)
    durable = [line for house in houses for line in house.site.box_orders.told("durable")]
    judge_acknowledgements(batch, sorted(durable, key=lambda it: it["at"]), found)
    with closing(sqlite3.connect(f"file:{batch.laptop.queue_file}?mode=ro", uri=True)) as db:
        prompts = dict(db.execute("SELECT number, prompt FROM jobs").fetchall())
    given = {prompts[number] for number in reassigned if number in prompts}
    _judge_repeats(batch, houses, given, found)
    _judge_second_answers(batch, prompts, given, found)
    return found


def _judge_repeats(
    batch: Batch, houses: Sequence[House], given: Collection[str], found: FleetJudgement
) -> None:
    """A box begins a request again only after a fault on a box; both begin it only if it was given away."""
    faults = [it.at for it in batch.injected if it.kind.side is Side.BOX]
    began: defaultdict[str, list[list[float]]] = defaultdict(list)
    for house in houses:
        finished = _finished(house)
        times: defaultdict[str, list[float]] = defaultdict(list)
        for line in house.engine_told():
            if line["event"] == "begun":
                times[line["prompt"]].append(line["at"])
        for prompt, ats in times.items():
            began[prompt].append(ats)
            for before, after in itertools.pairwise(ats):
                found.again += 1
                if any(at + _GRACE < after for at in finished.get(prompt, [])):
                    found.troubles.append(f"REPEATED: {prompt!r} began after its durable result")
                if not any(before - _LASTING <= at <= after for at in faults):
                    found.troubles.append(f"REPEATED: {prompt!r} began again without any need")
    for prompt, each in began.items():
        found.again += len(each) - 1
        if len(each) > 1 and prompt not in given:
            found.troubles.append(f"REPEATED: {prompt!r} began on both boxes without any need")


def _judge_second_answers(
    batch: Batch, prompts: dict[int, str], given: Collection[str], found: FleetJudgement
) -> None:
    """A second answer is kept as a candidate of a job that was given away, and is said once."""
    told = [e for life in batch.lives for _, e in life.events if e["type"] == "answered twice"]
    candidates = Counter(event["candidate"] for event in told)
    found.twice = len(candidates)
    for number, times in candidates.items():
        if times > 1 or prompts.get(number) not in given:
            found.troubles.append(f"DOUBLED: candidate {number}, which was told {times} times")
    rows = Counter(prompt for prompt in prompts.values() if prompt in batch.prompts)
    extra = sum(rows.values()) - len(batch.prompts)
    was_killed = any(life.code not in (0, 1) for life in batch.lives)
    if extra != len(candidates) and not was_killed:
        found.troubles.append(f"LOST: {extra} second answers are kept, and {len(candidates)} said")


def _finished(house: House) -> dict[str, list[float]]:
    """When each prompt's result was durable on this box."""
    prompts = house.prompts_of_jobs()
    found: defaultdict[str, list[float]] = defaultdict(list)
    for line in house.site.box_orders.told("durable"):
        if line["kind"] == "finished" and line["job"] in prompts:
            found[prompts[line["job"]]].append(line["at"])
    return found


async def judge_fleet_end(houses: Sequence[House], names: Sequence[str]) -> list[str]:
    """What must hold when nobody has asked for anything for a while: nothing is left running or lying.

    `names` are those of the boxes in the config.
    """
    troubles = []
    for house in houses:
        await until_quiet(house)
    for house, name in zip(houses, names, strict=True):
        if left_on(house):
            # By a daemon that was killed, and no other came after it: the next one sweeps as it starts.
            await asyncio.to_thread(houses[0].laptop.run, "box", "status", name)
            await until_quiet(house)
    for house in houses:
        troubles += [f"LEFT: process {pid}: {it}" for pid, it in house.processes().items()]
        troubles += [f"LEFT: {path}" for path in left_on(house)]
        ends = Counter(it["job"] for it in house.journaled() if it["type"] == "finished")
        troubles += [f"DOUBLED: {job} finished {n} times" for job, n in ends.items() if n > 1]
    return troubles
