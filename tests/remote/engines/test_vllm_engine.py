"""The engine `vllm` starts a server of its own, shares it, and ends it; the server is a stand-in."""

from __future__ import annotations

import asyncio

import pytest

from remote.engines.vllm import process
from tests.remote.engines.openai_asking import pieces_of
from tests.remote.engines.test_vllm_process import is_alive
from tests.remote.engines.vllm_bench import ANSWER, Bench, closing, failure_of
from tests.support.waiting import until


async def test_the_first_request_starts_the_server_and_hears_how_far_it_is(bench: Bench) -> None:
    async with closing(bench.engine()) as made:
        assert bench.stages == []
        assert await pieces_of(made) == ANSWER
    assert bench.stages == [
        "starting", "loading weights", "compiling", "capturing graphs",
        "answering a first request", "ready",
    ]  # fmt: skip
    assert len(bench.starts) == 1


async def test_a_stage_is_told_while_the_server_starts(bench: Bench) -> None:
    bench.order(start_seconds=30)
    async with closing(bench.engine()) as made:
        asking = asyncio.create_task(pieces_of(made))
        await until(lambda: "capturing graphs" in bench.stages)
        assert not asking.done()
        asking.cancel()


async def test_requests_at_once_share_one_start_and_are_answered_at_once(bench: Bench) -> None:
    async with closing(bench.engine()) as made:
        await pieces_of(made)
        bench.order(together=made.slots)  # none is answered before all are there
        answers = await asyncio.gather(*(pieces_of(made) for _ in range(made.slots)))
    assert answers == [ANSWER] * 4
    assert len(bench.starts) == 1


async def test_the_second_batch_finds_it_warm(bench: Bench) -> None:
    async with closing(bench.engine()) as made:
        await asyncio.gather(pieces_of(made), pieces_of(made))
        told = list(bench.stages)
        await asyncio.gather(pieces_of(made), pieces_of(made))
    assert bench.stages == told
    assert len(bench.starts) == 1


async def test_an_idle_server_ends_with_its_children_and_the_next_request_starts_one(
    bench: Bench,
) -> None:
    async with closing(bench.engine(idle_timeout=0.4)) as made:
        await pieces_of(made)
        await until(lambda: bench.starts and not bench.alive)
        assert await pieces_of(made) == ANSWER
        assert len(bench.starts) == 2


async def test_a_server_at_work_is_not_idle(bench: Bench) -> None:
    bench.order(request_seconds=1.0)
    async with closing(bench.engine(idle_timeout=0.2)) as made:
        assert await pieces_of(made) == ANSWER
        assert len(bench.starts) == 1


async def test_close_ends_everything(bench: Bench) -> None:
    made = bench.engine()
    await pieces_of(made)
    assert len(bench.alive) == 2
    await made.close()
    assert bench.alive == []
    assert not (bench.place.state / "vllm.json").exists()
    assert not list(bench.place.run.iterdir())


async def test_close_ends_a_server_that_is_starting(bench: Bench) -> None:
    bench.order(start_seconds=30)
    made = bench.engine()
    asking = asyncio.create_task(pieces_of(made))
    await until(lambda: len(bench.alive) == 2)
    asking.cancel()
    await made.close()
    assert bench.alive == []
    assert len(bench.starts) == 1


async def test_close_waits_for_an_end_that_is_under_way(bench: Bench) -> None:
    made = bench.engine(idle_timeout=0.1)
    await pieces_of(made)
    note = bench.place.state / "vllm.json"
    await until(lambda: not is_alive(bench.starts[0]["pid"]))  # its child ignores SIGTERM
    await made.close()
    assert bench.alive == []
    assert not note.exists()


async def test_a_cancel_does_not_break_off_close(bench: Bench) -> None:
    bench.order(start_seconds=60)
    made = bench.engine()
    asking = asyncio.create_task(pieces_of(made))
    await until(lambda: len(bench.alive) == 2)
    ending = asyncio.create_task(made.close())
    (started,) = bench.starts
    await until(lambda: not is_alive(started["pid"]))  # its child ignores SIGTERM
    ending.cancel()
    await asyncio.gather(ending, asking, return_exceptions=True)
    assert ending.cancelled()
    assert bench.alive == []


async def test_after_close_no_request_starts_a_server(bench: Bench) -> None:
    made = bench.engine()
    await made.close()
    assert "the runner ends" in await failure_of(made)
    assert bench.starts == []


async def test_a_crashed_server_is_ended_whole_though_its_start_is_given_up_meanwhile(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Say, since nobody asks any more, and the engine has been idle for long enough."""
    monkeypatch.setattr(process, "_ORPHANS_SECONDS", 0.5)
    bench.order(start="crash")
    made = bench.engine()
    asking = asyncio.create_task(pieces_of(made))
    await until(lambda: bench.starts)
    (started,) = bench.starts
    await until(lambda: not is_alive(started["pid"]))
    await made._keeper.end("the test ends it")
    await asyncio.gather(asking, return_exceptions=True)
    assert bench.alive == []
    await made.close()
