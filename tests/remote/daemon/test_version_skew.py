"""Apps and daemons of different versions on one box: they agree on a protocol, and no work is ended for it.

An older and a newer runner are made of this one's sources, with other protocol numbers, and for the newer one
with a kind of record that this version does not know.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import replace

import pytest

from remote.jobs.journal import Journal
from remote.protocol import NEWEST_PROTOCOL, Accepted, Fatal, Finished, Stop, Submit, Welcome
from tests.remote.attached import BOUND, App, Box, Gone, ask, ask_slowly, png
from tests.remote.conftest import Other
from tests.support.waiting import wait_until

JOB = ask("a harbour at dusk", [png()])
NEWER = NEWEST_PROTOCOL + 1


@pytest.fixture
def older(other: Other) -> Box:
    """Speaks the first protocol alone."""
    return other({f"NEWEST_PROTOCOL = {NEWEST_PROTOCOL}": "NEWEST_PROTOCOL = 1"})


@pytest.fixture
def newer(other: Other) -> Box:
    """Speaks a protocol that is not made yet, and notes in its journal what nobody here knows."""
    return other(
        {
            f"NEWEST_PROTOCOL = {NEWEST_PROTOCOL}": f"NEWEST_PROTOCOL = {NEWER}",
            'self._append("started", {"job": job})': (
                'self._append("weighed", {"job": job, "grams": 21}); '
                'self._append("started", {"job": job})'
            ),
        }
    )


async def all_done(app: App, *jobs: Submit) -> None:
    """Return when the app heard that all of these are done, in whichever order."""
    left = {job.job for job in jobs}
    while left:
        left.discard((await app.until(Finished)).job)


@pytest.mark.parametrize(("there", "spoken"), [("older", 1), ("newer", NEWEST_PROTOCOL)])
async def test_a_busy_daemon_of_another_version_is_spoken_with_and_works_on(
    box: Box, request: pytest.FixtureRequest, there: str, spoken: int
) -> None:
    running: Box = request.getfixturevalue(there)
    slow = ask_slowly("a harbour at dusk", looks=20)  # longer than another app takes to come
    async with running.visited() as its_own:
        await its_own.send(slow)
        await its_own.until(Accepted, slow.job)
        daemon = running.daemon()
        async with box.visited() as app:
            assert app.welcome is not None
            assert (app.welcome.runner, app.welcome.protocol) == (running.hash, spoken)
            await app.send(JOB)
            await all_done(app, slow, JOB)
        assert running.daemon() == daemon


@pytest.mark.parametrize("there", ["older", "newer"])
async def test_an_idle_daemon_of_another_version_hands_over_with_what_it_knows(
    box: Box, request: pytest.FixtureRequest, there: str
) -> None:
    running: Box = request.getfixturevalue(there)
    async with running.visited() as its_own:
        await its_own.send(JOB)
        answer = (await its_own.done(JOB)).answer
    async with box.attached() as app:
        await app.send(box.hello())
        await app.sent_away("replaced")
    async with box.visited() as app:
        assert app.welcome is not None
        assert app.welcome.runner == box.hash
        await app.send(JOB)
        assert (await app.done(JOB)).answer == answer
    wait_until(lambda: not running.daemons())
    assert box.records("started") == [JOB.job]


async def _sees_it_done(box: Box, job: Submit) -> list[str]:
    """What a real app does: come again until the job is done. Returns the runners that welcomed it."""
    runners: list[str] = []
    async with asyncio.timeout(BOUND):
        while True:
            with contextlib.suppress(Gone):
                async with box.attached() as app:
                    await app.send(box.hello())
                    if isinstance(answer := await app.next(), Welcome):
                        runners.append(answer.runner)
                        await app.send(job)
                        await app.done(job)
                        return runners


async def test_apps_that_submit_while_daemons_make_room_for_one_another_lose_nothing(
    box: Box, older: Box
) -> None:
    *jobs, last = [ask(f"scene {number}", [png(shade=number)]) for number in range(13)]
    async with older.visited() as app:
        await app.send(jobs[0])
        await app.done(jobs[0])
    apps = (box, older, box)
    for first in range(0, len(jobs), len(apps)):
        some = jobs[first : first + len(apps)]
        visits = (_sees_it_done(app, job) for app, job in zip(apps, some, strict=True))
        await asyncio.gather(*visits)
    # Who made room for whom is chance, but an idle daemon does for one that comes alone.
    assert (await _sees_it_done(box, last))[-1] == box.hash
    assert Counter(box.records("finished")) == Counter(job.job for job in (*jobs, last))


async def test_an_app_that_only_looks_keeps_no_daemon_from_making_room_and_loses_nothing(
    box: Box, older: Box
) -> None:
    """It may even submit at that moment."""
    job = ask_slowly("a harbour at dusk")
    looking = older.hello()
    async with older.attached() as looker:
        await looker.send(replace(looking, runner="", setup=""))
        await looker.until(Welcome)
        async with box.attached() as app:
            await asyncio.gather(app.send(box.hello()), looker.send(job))
            if isinstance(await app.next(), Fatal):
                await looker.hung_up()
            else:
                await looker.done(job)
    await _sees_it_done(box, job)
    assert box.records("finished") == [job.job]


async def test_records_of_a_newer_version_are_kept_as_they_are(box: Box, newer: Box) -> None:
    async with newer.visited() as its_own:
        await its_own.send(JOB)
        await its_own.done(JOB)
        await its_own.send(Stop(only_idle=False))
        await its_own.hung_up()
    again = ask("a forest in rain")
    async with box.visited() as app:
        await app.send(again)
        await app.done(again)
    assert "kept 1 records of kind weighed" in box.place.log.read_text()
    box.kill()
    journal = Journal(box.place.journal)
    weighed = [record.body for record in journal.read() if record.body["type"] == "weighed"]
    assert [(body["job"], body["grams"]) for body in weighed] == [(JOB.job, 21)]
    assert journal.damages == []
    journal.close()


async def test_two_apps_hear_the_same_and_what_both_ask_for_is_done_once(box: Box) -> None:
    slow, other = ask_slowly("a harbour at dusk"), ask("a forest in rain")
    async with box.visited() as one, box.visited() as two:
        await one.send(slow)
        await two.send(slow, other)
        for app in (one, two):
            await all_done(app, slow, other)
        assert {m.seq: m for m in one.durable} == {m.seq: m for m in two.durable}
    assert sorted(box.records("started")) == sorted([slow.job, other.job])
