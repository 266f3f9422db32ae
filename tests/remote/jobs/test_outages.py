"""A model server that is away for a while costs no job and no attempt; a request that it cannot answer does.

The engine is the real one over HTTP. The server is a stand-in, which goes and comes when a test wants it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from remote.engines.http import Server
from remote.engines.openai import OpenAIEngine
from remote.jobs import intake
from remote.jobs.board import Board, JobState
from remote.jobs.journal import Journal
from remote.jobs.pictures import Pictures
from remote.jobs.slots import Scheduler
from remote.protocol import AWAY, MOST_LOSSES, EngineStage, FromBox, Started, Submit
from tests.remote.attached import BOUND, ask
from tests.remote.engines.openai_stand_in import (
    DONE,
    END,
    EVENTS,
    Visit,
    chunk,
    delta,
    head,
    standing_in,
    streamed,
    whole,
)
from tests.support.sshd import free_port

SLOTS = 4
ANSWER = streamed(delta("text", "stop"), DONE)
Answering = Callable[[Visit, str], Awaitable[None]]


class ModelServer:
    """A model server at one port. It answers each prompt by `answering`, and is there when a test says so."""

    def __init__(self) -> None:
        self.port = free_port()
        self.asked: list[str] = []
        """The prompts in the order in which they came."""
        self.answering: Answering = self.answer
        self._stack = contextlib.AsyncExitStack()
        self._is_going = asyncio.Event()

    async def answer(self, visit: Visit, _prompt: str) -> None:
        """Answer in two pieces, with a moment between them."""
        await visit.send(EVENTS, chunk(delta("te")))
        await self.pause(visit, 0.05)
        await visit.send(chunk(delta("xt", "stop")) + chunk(DONE) + END)

    async def pause(self, visit: Visit, seconds: float) -> None:
        """Wait. If the server goes meanwhile, the connection breaks."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_going.wait()
            visit.hang_up()

    async def come(self) -> None:
        self._is_going.clear()
        await self._stack.enter_async_context(standing_in(self._script, port=self.port))

    async def go(self) -> None:
        """Break all connections and listen no more."""
        self._is_going.set()
        await self._stack.aclose()

    async def _script(self, visit: Visit) -> None:
        if self._is_going.is_set():
            visit.hang_up()  # a process that ends closes all at one moment
            return
        if visit.method == "GET":
            await visit.send(whole(b"{}"))
            return
        messages = visit.json["messages"]
        assert isinstance(messages, list)
        message = messages[-1]
        assert isinstance(message, dict)
        prompt = str(message["content"])
        self.asked.append(prompt)
        await self.answering(visit, prompt)


class Site:
    """A board in a folder, whose jobs a model server is to answer."""

    def __init__(self, folder: Path, server: ModelServer) -> None:
        images = folder / "images"
        images.mkdir()
        self.server = server
        self.journal = Journal(folder / "journal")
        self.board = Board(self.journal)
        self.told: list[FromBox] = []
        self._news = asyncio.Event()
        engine = OpenAIEngine(Server(f"http://127.0.0.1:{server.port}"), "m", SLOTS)
        self.work = Scheduler(self.board, Pictures(images, []), engine, "", self._tell)

    def _tell(self, message: FromBox | None) -> None:
        if message is not None:
            self.told.append(message)
        self._news.set()

    async def submit(self, *prompts: str) -> list[Submit]:
        requests = [replace(ask(prompt).request, model="m") for prompt in prompts]
        jobs = [Submit(request.job_id(), request, ()) for request in requests]
        for job in jobs:
            await self.work.submit(job)
        return jobs

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(BOUND):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def until_ended(self) -> None:
        await self.until(lambda: not self.board.unfinished)

    def states(self, jobs: list[Submit]) -> Counter[JobState | None]:
        return Counter(self.board.state(job.job) for job in jobs)

    @property
    def stages(self) -> list[str]:
        return [message.stage for message in self.told if isinstance(message, EngineStage)]

    @property
    def counted(self) -> list[Started]:
        """The attempts that follow on one that was counted as the engine's failure."""
        return [m for m in self.told if isinstance(m, Started) and m.reason]


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(intake, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(intake, "LONGEST_PAUSE", 0.2)
    server = ModelServer()
    site = Site(tmp_path, server)
    working = asyncio.create_task(site.work.run())
    try:
        yield site
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await server.go()
        site.journal.close()


async def test_a_server_that_goes_and_comes_back_costs_no_job_and_no_attempt(site: Site) -> None:
    await site.server.come()
    jobs = await site.submit(*(f"prompt {number}" for number in range(24)))
    for _ in range(3):
        begun = len(site.server.asked)
        await site.until(lambda begun=begun: len(site.server.asked) > begun + 2)  # type: ignore[misc]
        await site.server.go()
        await site.until(lambda: site.work.stage.startswith(AWAY))
        await asyncio.sleep(0.5)
        await site.server.come()
        await site.until(lambda: not site.work.stage)
    await site.until_ended()
    assert site.states(jobs) == {JobState.FINISHED: 24}
    assert site.counted == []


async def test_a_server_that_is_not_there_yet_is_waited_for_and_tried_by_one_job(
    site: Site,
) -> None:
    jobs = await site.submit(*(f"prompt {number}" for number in range(9)))
    await site.until(lambda: len(site.stages) >= 4)
    begun = [message for message in site.told if isinstance(message, Started)]
    assert len(begun) <= SLOTS + len(site.stages)
    assert all(stage.startswith(f"{AWAY}cannot connect to") for stage in site.stages)
    assert "trying again in" in site.stages[0]
    await site.server.come()
    await site.until_ended()
    assert site.states(jobs) == {JobState.FINISHED: 9}
    assert site.stages[-1] == "ready"
    assert site.work.stage == ""


async def test_the_pause_that_a_server_asks_for_is_waited_for(site: Site) -> None:
    times: list[float] = []

    async def answering(visit: Visit, prompt: str) -> None:
        times.append(asyncio.get_running_loop().time())
        if len(times) == 1:
            await visit.send(head("429 No", Retry_After="1", Content_Length="0"))
            return
        await visit.send(ANSWER)

    site.server.answering = answering
    await site.server.come()
    jobs = await site.submit("one")
    await site.until_ended()
    assert site.states(jobs) == {JobState.FINISHED: 1}
    assert times[1] - times[0] >= 1
    assert site.counted == []


async def test_no_job_starts_while_a_rate_limit_is_used_up_and_none_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_UNTOLD_HOLD", 0.1)
    times: list[float] = []

    async def answering(visit: Visit, _prompt: str) -> None:
        times.append(asyncio.get_running_loop().time())
        is_last = not len(times) % 3
        limit = {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "300ms"} if is_last else {}
        kind = {"Content_Type": "text/event-stream", "Transfer_Encoding": "chunked"}
        await visit.send(head(**kind, **limit), ANSWER.removeprefix(EVENTS))

    site.server.answering = answering
    await site.server.come()
    jobs = await site.submit(*(f"prompt {number}" for number in range(3)))
    await site.until_ended()
    jobs += await site.submit("one more")
    await site.until_ended()
    assert site.states(jobs) == {JobState.FINISHED: 4}
    assert times[3] - times[2] >= 0.3
    assert "takes no further request now (x-ratelimit-remaining); going on in 0 s" in site.stages[0]
    assert site.stages[-1] == "ready"
    assert site.counted == []


async def test_a_server_that_loads_its_model_for_a_while_costs_no_attempt(site: Site) -> None:
    loads = True

    async def answering(visit: Visit, _prompt: str) -> None:
        words = json.dumps({"error": {"message": "Loading model", "code": 503}}).encode()
        await visit.send(whole(words, "503 No") if loads else ANSWER)

    site.server.answering = answering
    await site.server.come()
    jobs = await site.submit(*(f"prompt {number}" for number in range(12)))
    await site.until(lambda: len(site.stages) >= 4)
    assert "answered 503: Loading model" in site.stages[-1]
    loads = False
    await site.until_ended()
    assert site.states(jobs) == {JobState.FINISHED: 12}
    assert site.counted == []


@pytest.mark.parametrize("status", ["400 No", "413 No", "422 No"])
async def test_a_request_that_is_refused_fails_alone_and_at_once(site: Site, status: str) -> None:
    async def answering(visit: Visit, prompt: str) -> None:
        await visit.send(whole(b"not like this", status) if prompt == "bad" else ANSWER)

    site.server.answering = answering
    await site.server.come()
    good = await site.submit("one", "two")
    bad = await site.submit("bad")
    good += await site.submit("three", "four")
    await site.until_ended()
    assert site.states(bad) == {JobState.FAILED: 1}
    assert site.states(good) == {JobState.FINISHED: 4}
    assert site.server.asked.count("bad") == 1
    assert site.stages == []


async def test_an_answer_that_breaks_off_while_others_go_on_fails_that_job_in_the_end(
    site: Site,
) -> None:
    async def answering(visit: Visit, prompt: str) -> None:
        if prompt == "bad":
            await visit.send(EVENTS, chunk(delta("te")))
            visit.hang_up()
        else:
            await site.server.answer(visit, prompt)

    site.server.answering = answering
    await site.server.come()
    bad = await site.submit("bad")
    good = await site.submit(*(f"prompt {number}" for number in range(8)))
    await site.until_ended()
    assert site.states(bad) == {JobState.FAILED: 1}
    assert site.states(good) == {JobState.FINISHED: 8}
    # Behind one address there may be replicas, of which one has gone.
    assert site.server.asked.count("bad") == 1 + MOST_LOSSES
    assert site.stages == []


async def test_a_request_that_kills_the_server_each_time_fails_and_the_others_do_not(
    site: Site,
) -> None:
    restarts = asyncio.Event()

    async def answering(visit: Visit, prompt: str) -> None:
        if prompt != "bad":
            await site.server.answer(visit, prompt)
            return
        await visit.send(EVENTS, chunk(delta("te")))
        restarts.set()
        await site.server.pause(visit, BOUND)

    async def supervise() -> None:
        while True:
            await restarts.wait()
            restarts.clear()
            await site.server.go()
            await asyncio.sleep(0.1)
            await site.server.come()

    site.server.answering = answering
    await site.server.come()
    supervising = asyncio.create_task(supervise())
    good = await site.submit("one", "two")
    bad = await site.submit("bad")
    good += await site.submit(*(f"prompt {number}" for number in range(8)))
    await site.until_ended()
    supervising.cancel()
    await asyncio.gather(supervising, return_exceptions=True)
    assert site.states(bad) == {JobState.FAILED: 1}
    assert site.states(good) == {JobState.FINISHED: 10}
    assert {started.job for started in site.counted} == {bad[0].job}


async def test_a_request_for_which_alone_the_server_is_away_does_not_keep_the_others_waiting(
    site: Site,
) -> None:
    async def answering(visit: Visit, prompt: str) -> None:
        await visit.send(whole(b"", "504 No") if prompt == "bad" else ANSWER)

    site.server.answering = answering
    await site.server.come()
    bad = await site.submit("bad")
    good = await site.submit(*(f"prompt {number}" for number in range(8)))
    await site.until(lambda: site.states(good) == {JobState.FINISHED: 8})
    assert site.states(bad) != {JobState.FAILED: 1}
    await site.work.cancel(bad[0].job)
    await site.until(lambda: not site.work.stage)


async def test_a_job_is_cancelled_while_the_server_is_away(site: Site) -> None:
    one, two = await site.submit("one", "two")
    await site.until(lambda: len(site.stages) >= 2)
    await site.work.cancel(one.job)
    assert site.board.state(one.job) is JobState.CANCELLED
    await site.server.come()
    await site.until_ended()
    assert site.board.state(two.job) is JobState.FINISHED


def test_pauses_double_up_to_a_minute_and_a_server_cannot_ask_for_days() -> None:
    assert (intake.FIRST_PAUSE, intake.LONGEST_PAUSE) == (1.0, 60.0)
    assert intake.LONGEST_RETRY_AFTER == 300.0
