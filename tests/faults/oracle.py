"""What must hold after every batch, judged by what others than the program wrote down.

The engine's account says what was asked and what was given, the client's own ears what was acknowledged and
when, the journal's fsyncs what was durable and when. The program's files are only looked at for what they
hold.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.batch import Batch
from tests.faults.draws import judge_draws
from tests.faults.field import IDLE_SECONDS, House, JsonObject
from tests.faults.histories_oracle import judge_histories
from tests.faults.kind import Side
from tests.faults.seen import Injected, Life

_END_SECONDS = 40.0
_LASTING = 10.0
"""Seconds that a fault may go on after it has begun: a full disk, a stop."""
_GRACE = 0.05
"""Seconds between what happens and somebody else's note of it."""
_Asked = tuple[str, str, int]
"""A prompt, the label of the model server that is asked, and the seed."""


@dataclass
class Judgement:
    """What is known of a batch."""

    troubles: list[str]
    repeats: list[Injected | None] = field(default_factory=list)
    """For each answer that was begun again, the fault that is held to be the cause."""
    answers: int = 0
    """That were needed."""


def judge(batch: Batch) -> Judgement:
    """Everything that can be said as soon as the batch is over, and the one of another laptop beside it."""
    lives = [*batch.lives, *(batch.guest.lives if batch.guest else ())]
    found = _judge_alone(batch, lives)
    if batch.guest is not None:
        guest = _judge_alone(batch.guest, lives)
        found.troubles += [f"{trouble} (of the guest)" for trouble in guest.troubles]
    return found


def _judge_alone(batch: Batch, lives: Sequence[Life]) -> Judgement:
    """`lives`: the runs whose failures may have made the box repeat something."""
    found = Judgement(list(batch.troubles), answers=len(batch.prompts))
    told = [t for t in batch.house.engine_told() if t.get("prompt") in batch.prompts]
    completed: defaultdict[str, set[str]] = defaultdict(set)
    for line in told:
        if line["event"] == "completed":
            completed[line["prompt"]].add(line["text"])
    judge_files(batch, completed, found)
    judge_acknowledgements(batch, batch.house.site.box_orders.told("durable"), found)
    _judge_repeats(batch, told, lives, found)
    found.troubles += judge_histories(batch, told)
    if not found.troubles:
        found.troubles += judge_draws(batch, told)
    return found


def judge_files(batch: Batch, completed: Mapping[str, set[str]], found: Judgement) -> None:
    """Each result is there once, whole, and one of the texts that the engine gave for its prompt."""
    if found.troubles:
        return  # the batch is not over
    told = _told_done(batch, found)
    for prompt, (file, entry) in batch.prompts.items():
        try:
            text = json.loads(file.read_text())[entry]["prompt"]
        except (OSError, ValueError, LookupError) as error:
            found.troubles.append(f"LOST: the result of {prompt!r} is not in {file}: {error!r}")
            continue
        if text == prompt:
            found.troubles.append(f"LOST: {prompt!r} stands in {file} as it was")
        elif text not in completed[prompt]:
            found.troubles.append(f"WRONG: {prompt!r} has {text!r}, never completed")
        elif told.get(prompt, text) != text:
            found.troubles.append(f"WRONG: {prompt!r} has {text!r}, but {told[prompt]!r} was told")
        if not (file.parent / ".upsample" / f"{file.stem}.upsample.json").exists():
            found.troubles.append(f"LOST: the sidecar of {file}")
    second = {event["candidate"] for _, event in _events(batch, "answered twice")}
    states = Counter(
        state
        for number, (prompt, state) in _queue(batch).items()
        if prompt in batch.prompts and number not in second
    )
    if states != {"done": len(batch.prompts)}:
        found.troubles.append(f"LOST: the queue says {dict(states)} of {len(batch.prompts)} jobs")


def _told_done(batch: Batch, found: Judgement) -> dict[str, str]:
    """What the client was told of each prompt: never two texts."""
    told: dict[str, str] = {}
    queue = _queue(batch)
    for _, event in _events(batch, "done"):
        prompt, _state = queue.get(event["job"], ("", ""))
        if told.setdefault(prompt, event["prompt"]) != event["prompt"]:
            found.troubles.append(f"DOUBLED: {prompt!r} was told to be done with two texts")
    return told


def judge_acknowledgements(batch: Batch, durable: Sequence[JsonObject], found: Judgement) -> None:
    """What was told to be on the box's disk was there by then; `durable` is what was noted of the disk."""
    accepted: dict[str, float] = {}
    for line in durable:
        if line["kind"] == "accepted":
            accepted.setdefault(line["job"], line["at"])
    for at, event in _events(batch, "sent"):
        if accepted.get(event["identity"], at + 1) > at + _GRACE:
            found.troubles.append(f"LOST: {event['name']} was acknowledged before it was durable")


def _judge_repeats(
    batch: Batch, told: list[JsonObject], lives: Sequence[Life], found: Judgement
) -> None:
    """Only work in flight without a durable result is repeated, and only for a fault on the box.

    What another model server is asked is no repeat, and neither is another draw, which has another seed.
    """
    begun: defaultdict[_Asked, list[float]] = defaultdict(list)
    for line in told:
        if line["event"] == "begun":
            begun[line["prompt"], line["label"], line.get("seed", 0)].append(line["at"])
    finished = _finished(batch.house, told)
    excuses = [i for i in batch.injected if i.kind.side is Side.BOX]
    forgets = [i.at for i in excuses if i.kind.forgets]
    # A run that follows a failure tries again: the user's own wish.
    again = [life.ended for life in lives if life.code == 1]
    for asked, times in begun.items():
        prompt = asked[0]
        for before, after in itertools.pairwise(times):
            durable = [at for at in finished[asked] if at + _GRACE < after]
            if any(not _is_forgotten(at, after, forgets) for at in durable):
                found.troubles.append(
                    f"REPEATED: {prompt!r} was begun after its result was durable"
                )
            causes = [i for i in excuses if before - _LASTING <= i.at <= after]
            if not causes and not any(before <= at <= after for at in again):
                found.troubles.append(f"REPEATED: {prompt!r} was begun again without any need")
            found.repeats.append(causes[-1] if causes else None)


def _is_forgotten(at: float, until: float, forgets: Sequence[float]) -> bool:
    """Whether the box lost what was durable at this time. What it is set back to may be older than that."""
    return any(at - _LASTING <= forgot <= until for forgot in forgets)


def _finished(house: House, told: list[JsonObject]) -> dict[_Asked, list[float]]:
    """When each prompt's result was durable on the box."""
    sources = {
        line["text"]: (line["label"], line.get("seed", 0))
        for line in told
        if line["event"] == "completed"
    }
    prompts, answers = house.prompts_of_jobs(), house.answers()
    found: defaultdict[_Asked, list[float]] = defaultdict(list)
    for line in house.site.box_orders.told("durable"):
        if line["kind"] == "finished":
            label, seed = sources.get(answers.get(line["job"], "").strip(), ("", 0))
            found[prompts.get(line["job"], ""), label, seed].append(line["at"])
    return found


def _queue(batch: Batch) -> dict[int, tuple[str, str]]:
    """Prompt and state of each job, by number."""
    with closing(sqlite3.connect(f"file:{batch.laptop.queue_file}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT number, prompt, state FROM jobs").fetchall()
    return {number: (prompt, state) for number, prompt, state in rows}


def _events(batch: Batch, kind: str) -> list[tuple[float, JsonObject]]:
    return [e for life in batch.lives for e in life.events if e[1]["type"] == kind]


async def judge_end(house: House) -> list[str]:
    """What must hold when nobody has asked for anything for a while: nothing is left running or lying."""
    await until_quiet(house)
    if left_on(house):
        # By a daemon that was killed, and no other came after it: the next one sweeps as it starts.
        await asyncio.to_thread(house.laptop.run, "box", "status")
        await until_quiet(house)
    troubles = [f"LEFT: process {pid}: {words}" for pid, words in house.processes().items()]
    troubles += [f"LEFT: {path}" for path in left_on(house)]
    for file in (house.place.state / "daemon.err", house.place.log):
        text = file.read_text() if file.exists() else ""
        if "Traceback" in text or (file.suffix == ".err" and text):
            troubles.append(f"BROKE: {file.name}: …{text[text.find('Traceback') :][:3000]}")
    for laptop in (house.laptop, *house.guests):
        troubles += _judge_queue(laptop.queue_file)
    ends = Counter(body["job"] for body in house.journaled() if body["type"] == "finished")
    troubles += [f"DOUBLED: {job} finished {n} times" for job, n in ends.items() if n > 1]
    return troubles


def left_on(house: House) -> list[Path]:
    """Sockets, pictures that nobody needs, and files that were about to be renamed."""
    place = house.place
    sockets = [place.socket, place.run / f"{place.key}.vllm"]
    return [
        *(path for path in sockets if path.exists()),
        *place.images.iterdir(),
        *place.state.glob("*.mended"),
    ]


async def until_quiet(house: House) -> None:
    """Wait until nothing of the house runs any more, for as long as that may take."""
    deadline = time.monotonic() + IDLE_SECONDS + _END_SECONDS
    while house.processes() and time.monotonic() < deadline:  # noqa: ASYNC110 - of processes
        await asyncio.sleep(0.1)


def _judge_queue(file: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        (verdict,) = db.execute("PRAGMA integrity_check").fetchone()
        (left,) = db.execute("SELECT count(*) FROM jobs WHERE state <> 'done'").fetchone()
    troubles = [] if verdict == "ok" else [f"BROKE: the queue's file: {verdict}"]
    return troubles + ([f"LEFT: {left} jobs in the queue"] if left else [])
