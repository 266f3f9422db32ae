"""What must hold after a batch that had a history: see `tests.faults.histories`."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import closing, suppress

from remote.protocol import Request, parse
from tests.faults.batch import Batch
from tests.faults.engine import TASTE, wrong_draws
from tests.faults.field import JsonObject
from tests.faults.hand_over import HAND_OVER
from tests.faults.kind import Side

_AWAY = "history: model server away"
_MOVED = "history: another journal, source moved"
_REFUSED = "history: login refused"
_LOGIN = "refused the login"
"""What the app says of it."""


def judge_histories(batch: Batch, told: Sequence[JsonObject]) -> list[str]:
    """What must not be; `told` is the model server's account of the batch's prompts."""
    labels = {line["text"]: str(line["label"]) for line in told if line["event"] == "completed"}
    return [
        *_judge_engines(batch, labels),
        *_judge_switches(batch, labels),
        *_judge_outages(batch),
        *_judge_sources(batch),
        *_judge_logins(batch),
        *_judge_hand_overs(batch),
    ]


def _judge_engines(batch: Batch, labels: dict[str, str]) -> list[str]:
    """What was asked of one engine is answered by that one, in the journal and in the files."""
    answered: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    requests, answers = batch.house.requests(), batch.house.answers()
    for job, text in answers.items():
        if job in requests and text.strip() in labels:
            answered[requests[job].engine, requests[job].model].add(labels[text.strip()])
    for prompt, request in _queued_requests(batch).items():
        text = _result(batch, prompt)
        if text in labels:
            answered[request.engine, request.model].add(labels[text])
    return [
        f"WRONG: requests for {engine}, {model} were answered by {sorted(by)}"
        for (engine, model), by in answered.items()
        if len(by) > 1
    ]


def _judge_switches(batch: Batch, labels: dict[str, str]) -> list[str]:
    """What the box did not have when the model server was replaced is answered by a later one."""
    troubles = []
    for number, switch in enumerate(batch.switches):
        later = {it.label for it in batch.switches[number:]}
        for prompt in batch.prompts:
            label = labels.get(_result(batch, prompt))
            if prompt not in switch.known and label is not None and label not in later:
                troubles.append(f"WRONG: {prompt!r} was answered by {label!r}, which was replaced")
    return troubles


def _judge_outages(batch: Batch) -> list[str]:
    """A model server that is away costs no job and no attempt."""
    if not _is_only(batch, _AWAY, {_AWAY, _MOVED}):
        return []
    failed = [f"job {e['job']}: {e['error']}" for e in _events(batch, "failed")]
    again = [f"job {e['job']}: {e['reason']}" for e in _events(batch, "started") if e["reason"]]
    return [f"LOST: an outage cost {it}" for it in [*failed, *again] if TASTE not in it]


def _judge_sources(batch: Batch) -> list[str]:
    """A job that the box has needs its picture no more: one that fails for it then could have an answer.

    Where the answer is not taken, the next draw needs the picture again.
    """
    lacks_past = batch.switches or any(i.kind.forgets for i in batch.injected)
    if not batch.moved or lacks_past or batch.guest is not None:
        return []
    names = [source.name for source in batch.moved]
    prompts, jobs = _prompts_by_number(batch), batch.house.prompts_of_jobs()
    durable = batch.house.site.box_orders.told("durable")
    troubles = []
    for at, event in _timed_events(batch, "failed"):
        prompt = prompts.get(event["job"])
        known = [it["kind"] for it in durable if jobs.get(it["job"]) == prompt and it["at"] < at]
        if batch.house.engine == "objects" and known.count("finished") <= wrong_draws(prompt or ""):
            known = [kind for kind in known[-1:] if kind == "accepted"]
        is_for_source = any(name in event["error"] for name in names)
        if is_for_source and known and known[-1] in ("accepted", "finished"):
            troubles.append(
                f"LOST: job {event['job']}, which the box had {known[-1]}, failed for its source that "
                f"was moved: {event['error']}"
            )
    return troubles


def _judge_logins(batch: Batch) -> list[str]:
    """A run that was at work does not end because the box refuses the login for a while."""
    if not any(i.kind.name == _REFUSED for i in batch.injected):
        return []
    return [
        f"ENDED: a run that was at work ended: {life.errors[-500:]}"
        for life in batch.lives
        if life.code == 3
        and _LOGIN in life.errors
        and any(e["type"] == "link" and e["state"] == "live" for _, e in life.events)
    ]


def _judge_hand_overs(batch: Batch) -> list[str]:
    """What was handed over is done by the box alone, and nothing of the laptop is touched meanwhile."""
    troubles = [
        f"TOUCHED: {file} was changed while the box worked alone"
        for frozen in batch.frozen
        for file in frozen.touched
    ]
    if _is_only(batch, HAND_OVER, {HAND_OVER}):
        troubles += [
            f"LOST: {prompt!r} was said to be handed over, and the box does not have it"
            for frozen in batch.frozen
            for prompt in frozen.missing
        ]
        if not all(frozen.has_done_all for frozen in batch.frozen):
            troubles.append("LOST: the box did not do alone what was handed over")
    return troubles


def _is_only(batch: Batch, name: str, histories: Collection[str]) -> bool:
    """Whether this has happened, and beside it nothing on the box or to the disks but these histories."""
    kinds = [injected.kind for injected in batch.injected]
    return any(kind.name == name for kind in kinds) and all(
        kind.side is Side.LINK or kind.name in histories for kind in kinds
    )


def _queued_requests(batch: Batch) -> dict[str, Request]:
    """What was asked for each prompt that is done, as the queue has it."""
    with closing(sqlite3.connect(f"file:{batch.laptop.queue_file}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT prompt, request FROM jobs WHERE state = 'done'").fetchall()
    return {
        prompt: parse(Request, json.loads(request))
        for prompt, request in rows
        if prompt in batch.prompts and request
    }


def _result(batch: Batch, prompt: str) -> str:
    file, entry = batch.prompts[prompt]
    with suppress(OSError, ValueError, LookupError):
        return str(json.loads(file.read_text())[entry]["prompt"])
    return ""


def _prompts_by_number(batch: Batch) -> dict[int, str]:
    with closing(sqlite3.connect(f"file:{batch.laptop.queue_file}?mode=ro", uri=True)) as db:
        return dict(db.execute("SELECT number, prompt FROM jobs").fetchall())


def _timed_events(batch: Batch, kind: str) -> list[tuple[float, JsonObject]]:
    return [it for life in batch.lives for it in life.events if it[1]["type"] == kind]


def _events(batch: Batch, kind: str) -> list[JsonObject]:
    return [event for _, event in _timed_events(batch, kind)]
