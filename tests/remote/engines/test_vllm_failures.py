"""What the engine `vllm` does when its server does not start, crashes or hangs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from remote.engines import EngineError
from remote.engines.vllm import VllmEngine, engine
from remote.jobs import intake
from remote.jobs.board import Board, JobState
from remote.jobs.journal import Journal
from remote.jobs.pictures import Pictures
from remote.jobs.slots import Scheduler
from remote.protocol import AWAY, Delta, EngineStage, FromBox, Started
from tests.remote.attached import submit
from tests.remote.engines.openai_asking import MODEL, pieces_of, request
from tests.remote.engines.test_vllm_process import is_alive
from tests.remote.engines.vllm_bench import ANSWER, Bench, away_of, begun, closing, failure_of
from tests.support.waiting import until


async def test_a_crash_at_the_start_is_told_by_its_cause(bench: Bench) -> None:
    bench.order(start="crash")
    async with closing(bench.engine()) as made:
        away = await away_of(made)
        assert (
            str(away)
            == "vLLM ended while starting, with exit status 1: torch.OutOfMemoryError: CUDA out of memory."
        )
        assert (away.retry_after, away.died, away.for_good) == (30.0, False, False)
        assert bench.alive == []


async def test_a_server_that_was_killed_as_it_started_may_be_started_anew_soon(
    bench: Bench,
) -> None:
    bench.order(start="killed")
    async with closing(bench.engine()) as made:
        away = await away_of(made)
        assert str(away).endswith("with exit status -9: something has killed it")
        assert away.retry_after is None
        bench.order()
        assert await pieces_of(made) == ANSWER
        assert len(bench.starts) == 2


async def test_a_program_that_is_not_there_is_named_and_no_start_can_succeed(bench: Bench) -> None:
    bench.setup = replace(bench.setup, command=("/nonexistent/vllm", "serve"))
    async with closing(bench.engine()) as made:
        away = await away_of(made)
        assert "cannot start /nonexistent/vllm: No such file" in str(away)
        assert away.for_good


# --- the jobs of a box ---------------------------------------------------------------------------


class Site:
    """Jobs that the engine of a bench is to do, and what is told of them."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(intake, "FIRST_PAUSE", 0.02)
        monkeypatch.setattr(intake, "LONGEST_PAUSE", 0.1)
        monkeypatch.setattr(engine, "_PAUSE_SECONDS", 0.0)
        self.bench = bench
        self.told: list[FromBox] = []
        self.given_up: list[str] = []

    @contextlib.asynccontextmanager
    async def working(self, count: int = 12) -> AsyncIterator[tuple[Scheduler, Board, list[str]]]:
        jobs = [submit(request(f"prompt {number}")) for number in range(count)]
        with contextlib.closing(Journal(self.bench.folder / "journal")) as journal:
            board = Board(journal)
            pictures = Pictures(self.bench.place.images, [])
            made = self.bench.engine()
            work = Scheduler(
                board,
                pictures,
                made,
                "",
                self.tell,
                lambda _kind, reason: self.given_up.append(reason),
            )
            for job in jobs:
                await work.submit(job)
            working = asyncio.create_task(work.run())
            try:
                yield work, board, [job.job for job in jobs]
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)

    def tell(self, message: FromBox | None) -> None:
        if message is not None:
            self.told.append(message)

    @property
    def counted(self) -> list[Started]:
        """The attempts that follow on one that was counted as the engine's failure."""
        return [m for m in self.told if isinstance(m, Started) and m.reason]


@pytest.fixture
def site(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(bench, monkeypatch)


TRACEBACK = """\
Traceback (most recent call last):
  File "/venv/vllm/entrypoints/openai/api_server.py", line 59, in <module>
    raise RuntimeError(
ValueError: nobody has seen this before"""


async def test_the_verdict_stands_first_in_the_log_and_the_traceback_once_and_whole_below_it(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    site.bench.order(start="crash", words=TRACEBACK)
    async with site.working() as (work, _, _):
        await until(lambda: work.stage.startswith(AWAY))
    said = caplog.text
    verdict = (
        "vLLM ended while starting, with exit status 1: ValueError: nobody has seen this before"
    )
    raised = TRACEBACK.splitlines()
    lines = [line for line in caplog.messages if line in raised]
    assert lines[:4] == raised
    assert said.count("Traceback") == len(site.bench.starts)
    assert said.index(verdict) < said.index("Traceback")
    (record, *_) = (record for record in caplog.records if record.getMessage() == verdict)
    assert record.levelno == logging.ERROR
    assert all(r.levelno == logging.INFO for r in caplog.records if r.getMessage() in lines)


async def test_however_often_a_server_does_not_start_no_job_fails_and_no_attempt_is_counted(
    site: Site,
) -> None:
    """Somebody else has the GPU for a while: nothing was tried for the jobs that wait."""
    site.bench.order(start="crash")
    async with site.working() as (work, board, jobs):
        await until(lambda: len(site.bench.starts) >= 4)
        assert board.unfinished == len(jobs)
        assert work.stage.startswith(
            f"{AWAY}vLLM ended while starting, with exit status 1: torch.Out"
        )
        site.bench.order()
        await until(lambda: not board.unfinished)
        assert {board.state(job) for job in jobs} == {JobState.FINISHED}
    assert site.counted == []
    assert site.given_up == []


@pytest.mark.parametrize(
    "words",
    [
        "OSError: /m is not a local folder and is not a valid model identifier listed on 'https://…'",
        "(APIServer pid=7) vllm: error: unrecognized arguments: --nonsense",
    ],
)
async def test_a_server_that_can_never_start_is_one_verdict_and_its_jobs_wait(
    site: Site, words: str
) -> None:
    site.bench.order(
        start="crash", words=f"{words}\nRuntimeError: Engine core initialization failed."
    )
    async with site.working() as (work, board, jobs):
        await until(lambda: site.given_up)
        await asyncio.sleep(0.3)
        assert len(site.bench.starts) == 1
        assert {board.state(job) for job in jobs} == {JobState.WAITING}
        (verdict,) = site.given_up
        assert (
            verdict
            == f"vLLM ended while starting, with exit status 1: {words.partition(') ')[2] or words}"
        )
        work.try_again()
        await until(lambda: len(site.given_up) == 2)
        site.bench.order()
        work.try_again()
        await until(lambda: not board.unfinished)
        assert {board.state(job) for job in jobs} == {JobState.FINISHED}
    assert site.counted == []


async def test_a_server_that_dies_under_many_jobs_costs_none_of_them_an_attempt(site: Site) -> None:
    site.bench.order(request_seconds=0.3, together=4)
    async with site.working() as (_, board, jobs):
        await until(lambda: sum(isinstance(message, Delta) for message in site.told) >= 4)
        os.kill(site.bench.starts[0]["pid"], signal.SIGKILL)
        site.bench.order()
        await until(lambda: not board.unfinished)
        assert {board.state(job) for job in jobs} == {JobState.FINISHED}
    assert site.counted == []


async def test_a_server_that_aborts_all_its_answers_is_replaced_and_costs_no_job_an_attempt(
    site: Site,
) -> None:
    """So ends a vLLM one of whose engines has died. It answers other questions for some seconds yet."""
    site.bench.order(aborting_starts=1, request_seconds=0.1)
    async with site.working(4) as (_, board, jobs):
        await until(lambda: not board.unfinished)
        assert {board.state(job) for job in jobs} == {JobState.FINISHED}
    assert site.counted == []
    assert len(site.bench.starts) == 2


async def test_everybody_who_waits_for_a_start_hears_that_it_failed(bench: Bench) -> None:
    bench.order(start="crash")
    async with closing(bench.engine()) as made:
        told = await asyncio.gather(*(failure_of(made) for _ in range(3)))
    assert len(set(told)) == 1
    assert len(bench.starts) == 1


async def test_a_server_that_refuses_the_first_request_is_ended_and_not_the_requests_fault(
    bench: Bench,
) -> None:
    bench.order(probe="refuse")
    async with closing(bench.engine()) as made:
        away = await away_of(made)
        assert str(away).startswith("vLLM refuses a first request: ")
        assert "no chat template" in str(away)
        assert away.for_good
        assert bench.alive == []


async def test_a_crash_is_told_and_the_next_request_starts_another_server(bench: Bench) -> None:
    async with closing(bench.engine()) as made:
        await pieces_of(made)
        bench.order(request="crash")
        told = await failure_of(made)
        assert "EngineCore encountered a fatal error" in told
        bench.order()
        assert await pieces_of(made) == ANSWER
        assert len(bench.starts) == 2
        assert set(bench.alive) == {bench.starts[1]["pid"], bench.starts[1]["child"]}


async def test_all_requests_of_a_crash_start_one_server_anew(bench: Bench) -> None:
    async with closing(bench.engine()) as made:
        await pieces_of(made)
        bench.order(request_seconds=10)
        asking = [await begun(made) for _ in range(4)]
        os.kill(bench.starts[0]["pid"], signal.SIGKILL)
        ends = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(end, EngineError) for end in ends), ends
        bench.order()
        assert await asyncio.gather(*(pieces_of(made) for _ in range(4))) == [ANSWER] * 4
        assert len(bench.starts) == 2
        note = json.loads((bench.place.state / "vllm.json").read_text())
        assert note["group"] == bench.starts[1]["pid"]


async def test_a_server_that_died_while_nobody_asked_is_replaced(bench: Bench) -> None:
    async with closing(bench.engine()) as made:
        await pieces_of(made)
        os.kill(bench.starts[0]["pid"], signal.SIGKILL)
        await until(lambda: made.stage != "ready")  # it is noticed
        assert await pieces_of(made) == ANSWER
        assert not is_alive(bench.starts[0]["child"])


async def test_a_server_that_hangs_is_replaced_though_it_says_that_it_is_well(bench: Bench) -> None:
    async with closing(bench.engine(silence=3.0)) as made:
        await pieces_of(made)
        bench.order(request="hang")
        assert "said nothing for 3 s" in await failure_of(made)
        assert not is_alive(bench.starts[0]["pid"])
        bench.order()
        assert await pieces_of(made) == ANSWER
        assert len(bench.starts) == 2


async def test_a_new_server_waits_until_the_old_one_is_gone(bench: Bench) -> None:
    alive_at_start: list[list[int]] = []

    def hear(stage: EngineStage) -> None:
        if stage.stage == "starting":
            alive_at_start.append(bench.alive)

    made = VllmEngine(bench.setup, MODEL, 60, bench.place, hear)
    async with closing(made):
        await pieces_of(made)
        bench.order(request_seconds=10)
        failing = await begun(made)
        os.kill(bench.starts[0]["pid"], signal.SIGKILL)
        await until(lambda: made.stage != "ready")  # it is noticed; its child takes longer to end
        bench.order()
        assert await pieces_of(made) == ANSWER
        with pytest.raises(EngineError):
            await failing
        assert alive_at_start == [[], []]
        # The old one's end took nothing from the new one.
        assert (bench.place.state / "vllm.json").exists()
        assert await pieces_of(made) == ANSWER
        assert len(bench.starts) == 2


async def test_a_job_that_is_cancelled_while_its_server_is_ended_does_not_stop_that(
    bench: Bench,
) -> None:
    made = bench.engine(silence=3.0)
    await pieces_of(made)
    bench.order(request="hang")
    asking = asyncio.create_task(pieces_of(made))
    await until(lambda: not is_alive(bench.starts[0]["pid"]))
    asking.cancel()
    await made.close()
    assert bench.alive == []


async def test_who_is_cancelled_while_it_starts_does_not_end_it_for_the_others(
    bench: Bench,
) -> None:
    bench.order(start_seconds=0.5)
    async with closing(bench.engine()) as made:
        first = asyncio.create_task(pieces_of(made))
        second = asyncio.create_task(pieces_of(made))
        await until(lambda: bench.starts)
        first.cancel()
        assert await second == ANSWER
        assert len(bench.starts) == 1


async def test_a_cancelled_request_leaves_the_server_and_the_others(bench: Bench) -> None:
    async with closing(bench.engine()) as made:
        await pieces_of(made)
        bench.order(request_seconds=0.5)
        first = await begun(made)
        second = asyncio.create_task(pieces_of(made))
        first.cancel()
        assert await second == ANSWER
        assert len(bench.starts) == 1
