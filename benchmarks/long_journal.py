"""Writes the journal of a box that has answered many jobs of others, without waiting for the disk."""

from __future__ import annotations

import hashlib
import itertools
import random
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import cast

from remote.jobs.records import encode_record
from remote.protocol import Answer, FrameInfo, Json, Request, Sampling

_BEGAN = 1_760_000_000.0
"""Unix time of the first job."""
_JOB_SECONDS = 2.0
_ANSWER_WORDS = 160
"""Words of an answer; together about 1 kB."""
_WORDS = (
    "harbour", "crane", "container", "slowly", "camera", "reflection", "wet", "asphalt", "amber", "light",
    "worker", "forklift", "morning", "haze", "towards", "the", "a", "behind", "wide", "shot",
)  # fmt: skip


def write_long_journal(file: Path, jobs: int) -> None:
    """Write a journal in which so many jobs were accepted, started and finished, one after the other."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.open("wb") as journal:
        seqs = itertools.count()
        first: dict[str, Json] = {"type": "journal", "id": uuid.UUID(int=jobs).hex}
        for body in itertools.chain([first], _records(jobs)):
            journal.write(encode_record({"seq": next(seqs), **body}))


def _records(jobs: int) -> Iterator[dict[str, Json]]:
    chance = random.Random(jobs)  # noqa: S311 - it chooses words
    for number in range(jobs):
        request = _request(number)
        job, began = request.job_id(), _BEGAN + number * _JOB_SECONDS
        told = cast(Json, asdict(request))
        yield {"type": "accepted", "time": began, "job": job, "request": told}
        yield {"type": "started", "time": began, "job": job}
        answer = _answer(" ".join(chance.choices(_WORDS, k=_ANSWER_WORDS)), began)
        finished = began + _JOB_SECONDS
        yield {
            "type": "finished",
            "time": finished,
            "job": job,
            "answer": cast(Json, asdict(answer)),
        }


def _request(number: int) -> Request:
    frames = tuple(
        FrameInfo(hashlib.sha256(f"{number} {at}".encode()).hexdigest(), 910, 512, at)
        for at in (0.0, 2.0)
    )
    prompt = f"scene {number} of others: a container ship leaves the harbour behind two tugs"
    return Request("transfer1", "", "", prompt, frames, Sampling(0.6, 300, seed=number))


def _answer(text: str, began: float) -> Answer:
    return Answer(
        text=text,
        finish_reason="stop",
        engine="sketch 1",
        prompt_tokens=2_500,
        completion_tokens=_ANSWER_WORDS,
        runner="0" * 12,
        notice="",
        attempt=1,
        started=began,
        ended=began + _JOB_SECONDS,
    )
