"""A replica that goes with a request in flight sends the job elsewhere, and no other job waits for that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from remote.engines import Completion, EngineAway, EngineError, EngineGone, Piece
from remote.jobs import intake
from remote.jobs.board import JobState
from remote.jobs.setbacks import Setbacks
from remote.protocol import MOST_LOSSES, Failed, Request, Started
from tests.remote.attached import ask
from tests.remote.jobs.test_slots import ONE, TWO, Site, opened


def gone(number: int) -> EngineGone:
    return EngineGone(f"replica {number} on node b has gone")


def reasons(site: Site) -> list[str]:
    return [message.reason for message in site.told if isinstance(message, Started)]


async def test_a_job_whose_replica_goes_waits_again_and_says_why(tmp_path: Path) -> None:
    """A loss is no failure of the engine: two of those, too, are needed before the job fails."""
    async with opened(tmp_path) as site:
        site.engine.errors = [gone(1), EngineError("out of memory"), gone(2)]
        site.engine.open.set()
        await site.work.submit(ONE)
        await site.stands(ONE.job, JobState.FINISHED)
        assert reasons(site) == ["", str(gone(1)), "out of memory", str(gone(2))]
        assert site.work.stage == "ready"


async def test_a_job_that_loses_replica_after_replica_fails_and_the_next_one_does_not(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as site:
        site.engine.errors = [gone(number) for number in range(MOST_LOSSES + 1)]
        site.engine.open.set()
        await site.work.submit(ONE)
        await site.work.submit(TWO)
        await site.stands(TWO.job, JobState.FINISHED)
        (failed,) = (m for m in site.board.messages_of(ONE.job) if isinstance(m, Failed))
        assert failed.kind == "engine"
        assert failed.message == (
            "replica 5 on node b has gone\n"
            "6 replicas have gone or broken down while they worked on this job"
        )
        assert len(reasons(site)) == MOST_LOSSES + 2


async def test_a_replica_that_was_ended_by_request_is_no_loss(tmp_path: Path) -> None:
    ended = EngineGone("replica 1 on node b: it is started anew, as was asked", was_asked=True)
    async with opened(tmp_path) as site:
        site.engine.errors = [ended] * (MOST_LOSSES + 3)
        site.engine.open.set()
        await site.work.submit(ONE)
        await site.stands(ONE.job, JobState.FINISHED)
        assert reasons(site)[-1] == str(ended)


async def test_jobs_that_lose_replicas_together_are_tried_apart_while_others_wait(
    tmp_path: Path,
) -> None:
    """Else one request that ends each replica makes its neighbours fail with it."""
    async with opened(tmp_path) as site:
        three, four = ask("three"), ask("four")
        site.engine.slots = 2
        for job in (ONE, TWO, three, four):
            await site.work.submit(job)
        await site.stands(TWO.job, JobState.RUNNING)
        site.engine.errors = [gone(number) for number in range(4)]
        site.engine.open.set()
        await site.stands(four.job, JobState.FINISHED)
        started = [message.job for message in site.told if isinstance(message, Started)]
        assert sorted(started[:4]) == sorted(2 * [ONE.job, TWO.job])
        assert not {ONE.job, TWO.job} <= set(started[4:6])


async def test_jobs_that_lose_replicas_together_are_tried_apart_when_no_other_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[str] = []
    async with opened(tmp_path) as site:

        async def answer(request: Request, images: Sequence[bytes]) -> AsyncIterator[Piece]:
            await site.engine.open.wait()
            if site.engine.errors:
                raise site.engine.errors.pop(0)
            answered.append("begun")
            await asyncio.sleep(0.05)
            answered.append("ended")
            yield Completion("stop")

        monkeypatch.setattr(site.engine, "generate", answer)
        site.engine.slots = 2
        for job in (ONE, TWO):
            await site.work.submit(job)
        await site.stands(TWO.job, JobState.RUNNING)
        site.engine.errors = [gone(number) for number in range(4)]
        site.engine.open.set()
        for job in (ONE, TWO):
            await site.stands(job.job, JobState.FINISHED)
    assert answered == ["begun", "ended"] * 2


def test_losses_that_somebody_asked_for_make_no_suspects() -> None:
    setbacks = Setbacks()
    for counts in (False, False, True):
        setbacks.note_loss(ONE.job, gone(1), counts=counts)
    assert not setbacks.suspects()
    setbacks.note_loss(ONE.job, gone(1))
    assert setbacks.suspects() == {ONE.job}


async def test_a_job_that_tries_a_server_and_loses_its_replica_lets_another_one_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "FIRST_PAUSE", 0.05)
    async with opened(tmp_path) as site:
        site.engine.errors = [EngineAway("no replica is up"), gone(1)]
        site.engine.open.set()
        await site.work.submit(ONE)
        await site.work.submit(TWO)
        await site.stands(ONE.job, JobState.FINISHED)
        started = [message.job for message in site.told if isinstance(message, Started)]
        assert started == [job.job for job in (ONE, ONE, TWO, ONE)]


async def test_losses_are_counted_across_restarts_of_the_daemon_and_start_anew_with_the_job(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as site:
        await site.work.submit(ONE)
        for _ in range(MOST_LOSSES):
            await site.stands(ONE.job, JobState.RUNNING)
            site.board.wait_after_loss(ONE.job)
            site.board.start(ONE.job)
    async with opened(tmp_path) as site:
        site.engine.errors = [gone(1)]
        site.engine.open.set()
        await site.stands(ONE.job, JobState.FAILED)
        site.engine.errors = [gone(2)]
        await site.work.submit(ONE)
        await site.stands(ONE.job, JobState.FINISHED)
