"""A daemon that lies: the app keeps to its own books, stays bounded, and says what is wrong.

The box is a stand-in (an honest one does not lie), behind the real dispatcher, queue and results.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from backend.events import (
    BoxStatus,
    EngineStarting,
    Event,
    JobDone,
    JobFailed,
    TextWritten,
    event_json,
)
from backend.store import Job, State, Store
from remote.protocol import (
    BEYOND_NUMBERS,
    Accepted,
    Cancelled,
    Delta,
    EngineLoad,
    EngineStage,
    Failed,
    Finished,
    FromBox,
    Gpu,
    Log,
    Pong,
    Refused,
    Started,
    Status,
    Submit,
    Welcome,
)
from tests.backend.dispatch.test_dispatcher import ScriptedBox, answer, job, run, store

__all__ = ["job", "store"]  # fixtures

LAST = BEYOND_NUMBERS - 1
HOSTILE = "\x1b]52;c;ZXZpbA==\x07\x1b[2J\u202e[/x][@click=app.quit]x[/]\0\x9b31m"


def lies(about: str) -> list[FromBox]:
    """Everything that may be said, about a job that nobody asked for."""
    return [
        Accepted(LAST, about),
        Started(about, LAST),
        Delta(about, -1, -5, HOSTILE),
        Delta(about, 1, LAST, HOSTILE),
        Refused(about, HOSTILE, HOSTILE),
        Failed(-7, about, HOSTILE, HOSTILE),
        Cancelled(-7, about),
        Finished(3, about, answer("not asked for")),
        Log(float(LAST), HOSTILE, HOSTILE, HOSTILE),
        EngineStage(-float(LAST), HOSTILE),
        Status(-1e18, HOSTILE, -1, LAST, EngineLoad(LAST, -1, -1e18, 1e18, 9.9), (Gpu(-1, HOSTILE),)),
        Pong(LAST),
        Welcome(1, "r", "another journal", 0, HOSTILE, "s", HOSTILE, 4, 0),
    ]  # fmt: skip


def then(*messages: FromBox) -> ScriptedBox:
    """A box that says these before anything else, and answers each submission honestly."""

    def finish(submit: Submit) -> list[FromBox]:
        return [Accepted(10, submit.job), Finished(11, submit.job, answer("A long warm dusk."))]

    return ScriptedBox(list(messages), finish)


def texts(events: Iterable[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, TextWritten)]


async def test_lies_about_other_jobs_change_nothing_and_are_not_kept(
    store: Store, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = ["", "0" * 64, "x" * 100_000, HOSTILE]
    box = then(*(lie for other in others for lie in lies(other)))
    events = await run(store, job, box, monkeypatch)
    assert [event.prompt for event in events if isinstance(event, JobDone)] == ["A long warm dusk."]
    assert not any(isinstance(event, JobFailed) for event in events)
    assert store.jobs()[0].state is State.DONE
    assert all(store.answer(other, "h100") is None for other in others)


async def test_every_event_of_a_lying_box_is_valid_json(
    store: Store, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finish(submit: Submit) -> list[FromBox]:
        wild = replace(
            answer(HOSTILE), started=-9e18, ended=9e18, prompt_tokens=-LAST, completion_tokens=LAST,
            engine=HOSTILE, finish_reason=HOSTILE, notice=HOSTILE, runner=HOSTILE, attempt=-LAST,
        )  # fmt: skip
        return [*lies(submit.job)[:4], Finished(LAST, submit.job, wild)]

    events = await run(store, job, ScriptedBox(lies("x"), finish), monkeypatch)
    for event in events:
        json.loads(json.dumps(event_json(event), allow_nan=False))
    written = [file.read_text() for file in job.destination.parent.rglob("*") if file.is_file()]
    assert len(written) == 2  # the result and where it comes from
    assert not any(set(text) & set("\x1b\x07\0\x9b\u202e") for text in written)


async def test_what_was_asked_of_one_box_was_not_asked_of_another(
    store: Store, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever answers first would otherwise decide for all boxes."""
    sent: list[str] = []

    def fail(submit: Submit) -> list[FromBox]:
        sent.append(submit.job)
        return [Accepted(10, submit.job), Failed(11, submit.job, "engine", "it broke")]

    await run(store, job, ScriptedBox([], fail), monkeypatch)
    assert store.was_asked("h100", sent[0])
    assert not store.was_asked("another", sent[0])


async def test_a_flood_of_made_up_jobs_is_not_remembered(
    store: Store, job: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    flood: list[FromBox] = []
    for number in range(2000):
        flood += [Started(f"{number}", 1), Delta(f"{number}", 1, 0, "x" * 1000)]
        flood += [Finished(number, f"{number}", answer("x" * 1000))]
    events = await run(store, job, then(*flood), monkeypatch)
    assert texts(events) == ["A long warm dusk."]
    with contextlib.closing(Store(tmp_path / "queue.db")) as again:
        assert again.answer("1999", "h100") is None


async def test_text_of_an_attempt_may_lie_about_its_place(
    store: Store, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finish(submit: Submit) -> list[FromBox]:
        places = [-LAST, -1, 0, 5, LAST]
        deltas: list[FromBox] = [Delta(submit.job, 1, place, "wild") for place in places]
        return [Accepted(10, submit.job), *deltas, Finished(11, submit.job, answer("A long dusk."))]

    events = await run(store, job, ScriptedBox([], finish), monkeypatch)
    assert [event.prompt for event in events if isinstance(event, JobDone)] == ["A long dusk."]


async def test_what_is_kept_of_a_boxs_present_state_is_bounded(
    store: Store, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its stage and its GPUs are written into the queue's file for the processes that look on."""
    gpus = (Gpu(0, "x" * 100_000),) * 1000
    box = then(EngineStage(1.0, "x" * 1_000_000), Status(1.0, "y" * 1_000_000, 0, 0, None, gpus))
    events = await run(store, job, box, monkeypatch)
    told = [json.dumps(event_json(e)) for e in events if isinstance(e, (EngineStarting, BoxStatus))]
    assert len(told) == 2
    assert max(map(len, told)) < 100_000
