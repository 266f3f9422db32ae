"""What a hosted server bills is counted to the cent, and at the limit no further job starts."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from remote.engines import Usage
from remote.engines.http import Server
from remote.engines.openai import OpenAIEngine
from remote.jobs.board import Board, JobState
from remote.jobs.journal import Journal
from remote.jobs.pictures import Pictures
from remote.jobs.slots import Scheduler
from remote.jobs.spending import DAY, Spending, SpentLately
from remote.protocol import Failed, Finished, FromBox, OpenAISetup, Submit, money
from tests.remote.attached import BOUND, ask
from tests.remote.engines.openai_stand_in import (
    DONE,
    Visit,
    delta,
    standing_in,
    streamed,
    usage,
    whole,
)

SLOTS = 4


class Hosted:
    """A hosted server with prices of 1 and 2 a million tokens. It notes what it bills."""

    def __init__(self) -> None:
        self.prompt_tokens = self.completion_tokens = 0
        self.asked = 0
        self.tells_usage = True
        self._numbers = itertools.count(1)

    @property
    def bill(self) -> Decimal:
        return Decimal(self.prompt_tokens + 2 * self.completion_tokens) / 1_000_000

    async def script(self, visit: Visit) -> None:
        if visit.method == "GET":
            await visit.send(whole(b"{}"))
            return
        number = next(self._numbers)
        self.asked += 1
        if number % 9 == 0:
            await visit.send(whole(b"no", "500 No"))  # of which nothing is billed
            return
        self.prompt_tokens += 1000 + number
        self.completion_tokens += 300 + number
        told = (usage(1000 + number, 300 + number),) if self.tells_usage else ()
        ending = "content_filter" if number % 7 == 0 else "stop"
        await visit.send(streamed(delta("text", ending), *told, DONE))


class Site:
    """A board in a folder, whose jobs the hosted server answers, for a limit."""

    def __init__(self, folder: Path, base_url: str, limit: float) -> None:
        setup = OpenAISetup(base_url, "", SLOTS, price_in=1, price_out=2, spend_limit=limit)
        images = folder / "images"
        images.mkdir(exist_ok=True)
        self.journal = Journal(folder / "journal")
        self.board = Board(self.journal)
        self.told: list[tuple[str, str]] = []
        engine = OpenAIEngine(Server(base_url), "m", SLOTS)
        self.work = Scheduler(
            self.board,
            Pictures(images, []),
            engine,
            "",
            self._tell,
            lambda kind, reason: self.told.append((kind, reason)),
            Spending(setup),
        )
        self._news = asyncio.Event()

    def _tell(self, _message: FromBox | None) -> None:
        self._news.set()

    async def until_quiet(self) -> None:
        """Wait until all jobs have ended, or the limit is told and no job runs."""
        async with asyncio.timeout(BOUND):
            while self.board.unfinished and not (self.told and not self.board.running()):
                self._news.clear()
                await self._news.wait()

    async def until_told(self, times: int) -> None:
        """Wait until the apps were sent away so many times."""
        async with asyncio.timeout(BOUND):
            while len(self.told) < times:
                self._news.clear()
                await self._news.wait()

    @property
    def ends(self) -> list[Finished | Failed]:
        messages = (message for _, message in self.board.messages_after(-1))
        return [message for message in messages if isinstance(message, Finished | Failed)]

    @property
    def told_costs(self) -> Decimal:
        costs = (it.answer.cost if isinstance(it, Finished) else it.cost for it in self.ends)
        return sum((money(cost) for cost in costs if cost is not None), Decimal(0))


@asynccontextmanager
async def serving(folder: Path, base_url: str, limit: float = 0.0) -> AsyncIterator[Site]:
    site = Site(folder, base_url, limit)
    working = asyncio.create_task(site.work.run())
    try:
        yield site
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        site.journal.close()


async def submit(site: Site, count: int) -> None:
    for number in range(count):
        request = replace(ask(f"prompt {number}").request, model="m")
        await site.work.submit(Submit(request.job_id(), request, ()))


async def test_the_costs_of_a_hundred_jobs_with_retries_are_the_servers_own(tmp_path: Path) -> None:
    hosted = Hosted()
    async with (
        standing_in(hosted.script) as stand_in,
        serving(tmp_path, stand_in.server.base_url) as site,
    ):
        await submit(site, 100)
        await site.until_quiet()
        assert len(site.ends) == 100
        assert hosted.asked > 110
        assert any(isinstance(end, Failed) and end.cost for end in site.ends)
        assert site.told_costs == hosted.bill == site.board.spent
    journal = Journal(tmp_path / "journal")
    assert Board(journal).spent == hosted.bill
    journal.close()


async def test_at_the_limit_no_further_job_starts_and_a_higher_one_lets_them_go_on(
    tmp_path: Path,
) -> None:
    hosted = Hosted()
    async with standing_in(hosted.script) as stand_in:
        url = stand_in.server.base_url
        async with serving(tmp_path, url, limit=0.03) as site:
            await submit(site, 40)
            await site.until_quiet()
            dearest = Decimal("0.0018")
            assert Decimal("0.03") <= hosted.bill < Decimal("0.03") + SLOTS * dearest
            assert site.work.is_stuck
            ((kind, reason),) = site.told
            assert kind == "limit"
            assert reason.startswith("openai.spend_limit of 0.03 is reached: 0.03")
            assert reason in site.work.stage
            asked = hosted.asked
            site.work.try_again()
            await site.until_told(2)
            assert hosted.asked == asked
        async with serving(tmp_path, url, limit=9) as site:
            await site.until_quiet()
            assert len(site.ends) == 40
            assert site.told_costs == hosted.bill
            assert site.told == []


async def test_a_server_that_tells_no_usage_stops_where_a_limit_is_to_be_kept(
    tmp_path: Path,
) -> None:
    hosted = Hosted()
    hosted.tells_usage = False
    async with (
        standing_in(hosted.script) as stand_in,
        serving(tmp_path, stand_in.server.base_url, limit=5) as site,
    ):
        await submit(site, 30)
        await site.until_quiet()
        assert hosted.asked <= 3 * SLOTS
        assert "does not tell how many tokens" in site.told[0][1]
        assert all(isinstance(end, Finished) and end.answer.cost is None for end in site.ends)


def test_what_was_spent_a_day_ago_does_not_count_any_more() -> None:
    spent = SpentLately()
    spent.add(0, Decimal("1.1"))
    spent.add(DAY / 2, Decimal("0.2"))
    assert spent.total(DAY - 1) == Decimal("1.3")
    assert spent.total(DAY + 1) == Decimal("0.2")
    assert spent.total(2 * DAY) == 0


@pytest.mark.parametrize(
    ("price_in", "price_out", "cost"),
    [(0, 0, None), (1, 2, 0.00045), (0.15, 0.6, 0.0000975), (0.1, 0, 0.000025)],
)
def test_a_cost_is_exact(price_in: float, price_out: float, cost: float | None) -> None:
    setup = OpenAISetup("http://h", "", 1, price_in=price_in, price_out=price_out)
    assert Spending(setup).cost(Usage(250, 100)) == cost
    assert Spending(setup).cost(None) is None


async def test_a_box_without_prices_tells_no_cost(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    board = Board(journal)
    request = ask("x").request
    board.accept(request.job_id(), request)
    board.start(request.job_id())
    board.fail(request.job_id(), "engine", "no")
    (end,) = (message for _, message in board.messages_after(0) if isinstance(message, Failed))
    assert end.cost is None
    assert board.spent == 0
    assert board.state(request.job_id()) is JobState.FAILED
    journal.close()
