"""When a run without the app gives up: only when its box makes no progress for the whole limit."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from backend.dispatch.runs.give_up import GiveUpTimer
from backend.errors import BoxUnreachable
from backend.events import (
    BoxStatus,
    EngineStarting,
    Event,
    JobDone,
    JobStarted,
    LinkChanged,
    LinkState,
    TextWritten,
)

LIMIT = 0.3
RETRYING = LinkChanged("h100", LinkState.RETRYING, "no route to host", 0.5)
LIVE = LinkChanged("h100", LinkState.LIVE, "vllm")
AWAY = EngineStarting("h100", "away: it loads; trying again in 2 s")
STARTING = EngineStarting("h100", "starting")
LOADING = EngineStarting("h100", "loading weights")
STATUS = BoxStatus("h100", 0.0, "ready", 1, 1, None, ())
AWAY_STATUS = replace(STATUS, stage=AWAY.stage)
STARTED = JobStarted(1, "dusk", 1)
TEXT = TextWritten(1, 0, "x")
DONE = JobDone(1, "dusk", "x", "stop", "vllm", 1.0, None, None)


async def gives_up(*events: Event, then: Event | None = None, limit: float = LIMIT) -> str:
    """How it ends when these events come at once, and one again and again; empty when it goes on."""
    heard: list[Event] = []
    timer = GiveUpTimer("h100", limit, heard.append)
    waiting = asyncio.create_task(timer.wait())
    for event in events:
        timer.hear(event)
    for _ in range(10):
        await asyncio.sleep(LIMIT / 5)
        if then is not None:
            timer.hear(then)
    assert heard[: len(events)] == list(events)
    timer.stop()
    waiting.cancel()
    try:
        await waiting
    except BoxUnreachable as error:
        return str(error)
    except asyncio.CancelledError:
        return ""
    raise AssertionError("it neither waited nor raised")


@pytest.mark.parametrize(
    "events",
    [
        [RETRYING],
        [AWAY],
        [AWAY_STATUS],
        [RETRYING, LIVE],
        [TEXT, AWAY],
        [AWAY, STARTED],
        [AWAY, STARTING, LOADING],
        [AWAY, RETRYING, LIVE, STARTING],
    ],
)
async def test_without_progress_it_gives_up_and_says_why_and_how_to_go_on(
    events: list[Event],
) -> None:
    told = await gives_up(*events)
    assert told.startswith("h100 has made no progress for 0.3 s: ")
    assert "no route to host" in told or "it loads" in told
    assert "the jobs stay in the queue" in told
    assert "`upsample --no-ui --box h100` goes on" in told


@pytest.mark.parametrize("again", [RETRYING, AWAY, AWAY_STATUS, STARTED])
async def test_trouble_that_comes_again_and_again_starts_no_new_hour(again: Event) -> None:
    assert await gives_up(RETRYING, then=again)


@pytest.mark.parametrize(
    "events",
    [
        [],
        [LIVE],
        [RETRYING, LIVE, STATUS],
        [AWAY, TEXT],
        [AWAY, DONE],
        [AWAY, EngineStarting("h100", "ready")],
        [LOADING],
        [RETRYING, LIVE, LOADING],
        [AWAY, STARTING, STATUS],
        [STARTED],
    ],
)
async def test_a_box_that_works_is_never_given_up_however_slow_it_is(events: list[Event]) -> None:
    assert await gives_up(*events) == ""


async def test_a_limit_of_zero_is_none() -> None:
    assert await gives_up(RETRYING, limit=0.0) == ""
