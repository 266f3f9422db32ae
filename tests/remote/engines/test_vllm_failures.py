"""What the engine `vllm` does when its server does not start, crashes or hangs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from dataclasses import replace

import pytest

from remote.engines import EngineError
from remote.engines.vllm import VllmEngine, engine
from remote.jobs.board import Board, JobState
from remote.jobs.journal import Journal
from remote.jobs.pictures import Pictures
from remote.jobs.slots import Scheduler
from remote.protocol import EngineStage, FromBox, Started
from tests.remote.attached import submit
from tests.remote.engines.openai_asking import MODEL, pieces_of, request
from tests.remote.engines.test_vllm_process import is_alive
from tests.remote.engines.vllm_bench import ANSWER, Bench, begun, closing, failure_of
from tests.support.waiting import until


async def test_a_crash_at_the_start_is_told_with_the_end_of_the_log(bench: Bench) -> None:
    bench.order(start="crash")
    async with closing(bench.engine()) as made:
        told = await failure_of(made)
        assert told.startswith("vLLM ended while starting")
        assert told.endswith("ERROR torch.OutOfMemoryError: CUDA out of memory.")
        assert bench.alive == []


async def test_a_start_that_failed_is_tried_again_after_a_pause(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_PAUSE_SECONDS", 0.5)
    bench.order(start="crash")
    async with closing(bench.engine()) as made:
        await failure_of(made)
        failed = time.monotonic()
        bench.order()
        assert await pieces_of(made) == ANSWER
        assert time.monotonic() - failed > 0.4
        assert len(bench.starts) == 2


async def test_after_two_failed_starts_requests_fail_at_once_for_a_while(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_PAUSE_SECONDS", 0.1)
    bench.order(start="crash")
    async with closing(bench.engine()) as made:
        first = await failure_of(made)
        assert await failure_of(made) == first
        monkeypatch.setattr(engine, "_PAUSE_SECONDS", 30.0)
        assert await failure_of(made) == first
        assert len(bench.starts) == 2
        bench.order()
        monkeypatch.setattr(engine, "_PAUSE_SECONDS", 0.0)
        assert await pieces_of(made) == ANSWER


async def test_a_batch_outlives_a_start_that_failed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else has the GPU for a while: nothing was tried for the jobs that wait."""
    monkeypatch.setattr(engine, "_PAUSE_SECONDS", 0.5)
    bench.order(start="crash")
    jobs = [submit(request(f"prompt {number}")) for number in range(20)]

    def hear(message: FromBox | None) -> None:
        if isinstance(message, Started) and message.reason:
            bench.order()

    with contextlib.closing(Journal(bench.folder / "journal")) as journal:
        board = Board(journal)
        work = Scheduler(board, Pictures(bench.place.images, []), bench.engine(), "", hear)
        for job in jobs:
            await work.submit(job)
        working = asyncio.create_task(work.run())
        await until(lambda: not board.unfinished)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        assert {board.state(job.job) for job in jobs} == {JobState.FINISHED}
    assert len(bench.starts) == 2


async def test_a_server_that_was_killed_as_it_started_is_started_anew_once(bench: Bench) -> None:
    bench.order(start="killed")
    async with closing(bench.engine()) as made:
        assert "exit status -9" in await failure_of(made)
        bench.order()
        assert await pieces_of(made) == ANSWER
        assert len(bench.starts) == 2


async def test_a_server_that_is_killed_whenever_it_starts_is_given_up(bench: Bench) -> None:
    bench.order(start="killed")
    async with closing(bench.engine()) as made:
        for _ in range(4):
            await failure_of(made)
        assert len(bench.starts) == 2


async def test_everybody_who_waits_for_a_start_hears_that_it_failed(bench: Bench) -> None:
    bench.order(start="crash")
    async with closing(bench.engine()) as made:
        told = await asyncio.gather(*(failure_of(made) for _ in range(3)))
    assert len(set(told)) == 1
    assert len(bench.starts) == 1


async def test_a_program_that_is_not_there_is_named(bench: Bench) -> None:
    bench.setup = replace(bench.setup, command=("/nonexistent/vllm", "serve"))
    async with closing(bench.engine()) as made:
        for _ in range(2):  # and nobody waits for it to come
            assert "cannot start /nonexistent/vllm: No such file" in await failure_of(made)


async def test_a_server_that_refuses_the_first_request_is_ended_and_not_the_requests_fault(
    bench: Bench,
) -> None:
    bench.order(probe="refuse")
    async with closing(bench.engine()) as made:
        assert "no chat template" in await failure_of(made)
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
