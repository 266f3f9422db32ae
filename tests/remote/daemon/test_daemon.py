"""What an attached app is promised: jobs are done, once, and everybody hears of it."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from remote.daemon import daemon
from remote.jobs.board import Board
from remote.jobs.journal import Journal
from remote.jobs.records import Damage, scan
from remote.paths import make_daemon_paths
from remote.protocol import (
    NEWEST_PROTOCOL,
    OLDEST_PROTOCOL,
    Accepted,
    Ask,
    Cancel,
    Cancelled,
    Decoder,
    Delta,
    Failed,
    Finished,
    FrameInfo,
    Hello,
    Ping,
    Pong,
    Refused,
    Setup,
    Started,
    Stop,
    Submit,
    Unknown,
    Welcome,
    encode,
)
from tests.remote.attached import BOUND, LAST_REPLAY, Box, Gone, ask, ask_slowly, png, submit
from tests.remote.conftest import MakeBox

JOB = ask("a harbour at dusk", [png(), png(shade=200)])


async def test_a_job_is_accepted_started_told_as_it_is_written_and_finished(box: Box) -> None:
    async with box.visited() as app:
        await app.send(JOB)
        finished = await app.done(JOB)
    assert "a harbour at dusk" in finished.answer.text
    deltas = [message for message in app.heard if isinstance(message, Delta)]
    assert "".join(delta.text for delta in deltas) == finished.answer.text
    assert [d.offset for d in deltas] == [
        sum(len(earlier.text) for earlier in deltas[:n]) for n in range(len(deltas))
    ]
    kinds = [type(message) for message in app.heard if getattr(message, "job", "") == JOB.job]
    assert kinds.index(Accepted) < len(kinds) - 1
    assert kinds.index(Started) < kinds.index(Delta)
    assert finished.answer.runner == box.hash
    assert finished.answer.notice


async def test_the_time_that_a_daemon_took_to_start_is_not_idle_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "_TICK", 0.01)
    place = make_daemon_paths(str(tmp_path / "root"), tmp_path / "run")
    serving = daemon.Daemon(place, Setup(str(tmp_path / "root"), "sketch", "", 60.0), "runner")
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 1000)  # a long journal, a busy machine
    ready = asyncio.Event()
    running = asyncio.create_task(serving.run(ready.set))
    await ready.wait()
    await asyncio.sleep(0.2)
    is_there = not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert is_there


async def test_what_ended_long_ago_is_forgotten_while_an_app_is_there_that_misses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records are dropped under its feet, and those that follow keep their count."""
    monkeypatch.setattr(daemon, "_TICK", 0.01)
    monkeypatch.setattr(daemon, "_FORGET_SECONDS", 0.0)
    place = make_daemon_paths(str(tmp_path / "root"), tmp_path / "run")
    setup = Setup(str(tmp_path / "root"), "sketch", "", 60.0, keep_days=1.0)
    serving = daemon.Daemon(place, setup, "runner")
    ready = asyncio.Event()
    running = asyncio.create_task(serving.run(ready.set))
    await ready.wait()
    reader, writer = await asyncio.open_unix_connection(place.socket)
    writer.write(encode(Hello(OLDEST_PROTOCOL, NEWEST_PROTOCOL, "", -1, "", "")))
    decoder, told = Decoder(), list[Finished]()
    jobs = [ask(f"scene {number}") for number in range(5)]
    async with asyncio.timeout(BOUND):
        for job in jobs:
            writer.write(encode(job))
            while job.job not in [end.job for end in told]:
                heard = decoder.feed(await reader.read(1 << 16))
                told += [message for message in heard if isinstance(message, Finished)]
            with monkeypatch.context() as long_after:
                long_after.setattr(daemon, "_DAY", 0.0)
                while _count_of(place.journal, "finished"):  # noqa: ASYNC110 - of a file
                    await asyncio.sleep(0.01)
    assert [end.job for end in told] == [job.job for job in jobs]
    assert [end.seq for end in told] == sorted({end.seq for end in told})
    writer.close()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_damage_in_many_places_is_told_in_a_few_lines() -> None:
    damages = [Damage(1000 * number, 100, torn=False) for number in range(1000)]
    lines = daemon.describe_damages(damages)
    assert len(lines) == 6
    assert "995 more places 99,500 bytes" in lines[-1]


def _count_of(journal: Path, kind: str) -> int:
    """How many records of this kind the journal has."""
    return sum(record.body["type"] == kind for record in scan(journal.read_bytes())[0])


async def test_a_job_without_pictures_is_done_too(box: Box) -> None:
    job = ask("a harbour at dusk")
    async with box.visited() as app:
        await app.send(job)
        assert "harbour" in (await app.done(job)).answer.text


async def test_a_job_that_is_submitted_again_gets_the_answer_that_there_is(box: Box) -> None:
    async with box.visited() as app:
        await app.send(JOB)
        first = await app.done(JOB)
        await app.send(JOB)
        assert await app.done(JOB) == first
    assert box.records("started") == [JOB.job]


async def test_every_app_hears_what_happens(box: Box) -> None:
    other = ask("rain on a window", [png(shade=10)])
    async with box.visited() as one, box.visited() as two:
        await one.send(JOB)
        await two.send(other)
        for app in (one, two):
            await asyncio.gather(app.caught_up())
        for job in (JOB, other):
            if not any(d.job == job.job for d in one.durable if not isinstance(d, Accepted)):
                await one.done(job)
            if not any(d.job == job.job for d in two.durable if not isinstance(d, Accepted)):
                await two.done(job)
    assert one.durable == two.durable
    assert len(one.durable) == 4


async def test_an_app_that_comes_again_is_told_exactly_what_it_missed(box: Box) -> None:
    jobs = [ask(f"scene {number}") for number in range(5)]
    async with box.visited() as app:
        for job in jobs:
            await app.send(job)
            await app.done(job)
        whole = app.durable
        assert app.welcome is not None
        journal = app.welcome.journal
    for told in whole:
        async with box.visited(journal, told.seq, LAST_REPLAY) as again:
            await again.caught_up()
            assert again.durable == [message for message in whole if message.seq > told.seq]


async def test_an_app_that_followed_another_journal_is_told_everything(box: Box) -> None:
    async with box.visited() as app:
        await app.send(JOB)
        await app.done(JOB)
    async with box.visited("another", 1000, LAST_REPLAY) as again:
        await again.caught_up()
        assert again.durable == app.durable


async def test_an_app_that_wants_nothing_of_the_past_is_told_what_comes_then(box: Box) -> None:
    async with box.visited() as app:
        await app.send(JOB)
        await app.done(JOB)
    async with box.visited("", 0, LAST_REPLAY) as looking:
        assert looking.welcome is not None
        looking.after = looking.welcome.last
        new = ask("another scene")
        await looking.send(new)
        await looking.done(new)
        assert {told.job for told in looking.durable} == {new.job}


async def test_an_app_that_is_ahead_of_the_journal_is_told_everything(box: Box) -> None:
    """The journal lost its end: the seqs that the app has seen will be given out again."""
    async with box.visited() as app:
        await app.send(JOB)
        await app.done(JOB)
        assert app.welcome is not None
    async with box.visited(app.welcome.journal, 1000, LAST_REPLAY) as again:
        again.after = -1
        await again.caught_up()
        assert again.durable == app.durable


async def test_an_app_is_told_of_the_past_what_it_asks_about(box: Box) -> None:
    known, other, unknown = ask("one scene"), ask("another scene"), ask("a scene that never came")
    async with box.visited() as app:
        for job in (known, other):
            await app.send(job)
            await app.done(job)
        whole = [told for told in app.durable if told.job == known.job]
    async with box.visited() as again:
        await again.send(Ask((unknown.job, known.job)))
        assert (await again.until(Unknown)).job == unknown.job
        await again.done(known)
        assert again.durable == whole


async def test_a_new_app_is_told_nothing_of_what_others_did(box: Box) -> None:
    async with box.visited() as app:
        await app.send(JOB)
        await app.done(JOB)
    async with box.visited() as another:
        new = ask("another scene")
        await another.send(new)
        await another.done(new)
        assert {told.job for told in another.durable} == {new.job}


async def test_the_reply_to_a_known_job_does_not_run_ahead_of_the_journal(box: Box) -> None:
    """Or an app that notes the reply's seq would never ask for those before it."""
    jobs = [ask(f"scene {number}") for number in range(600)]
    journal = Journal(box.place.journal)
    board = Board(journal)
    for job in jobs:
        board.accept(job.job, job.request)
        board.fail(job.job, "engine", "made up")
    board.accept(JOB.job, JOB.request)
    board.fail(JOB.job, "engine", "made up")
    last_known = ask("scene 599")
    journal.close()
    async with box.attached() as app:
        await app.send(box.hello(), last_known)
        app.welcome = await app.until(Welcome)
        await app.caught_up()
    seqs = [message.seq for message in app.durable]
    for number, seq in enumerate(seqs[1:], 1):
        assert seq <= seqs[number - 1] or seq - max(seqs[:number]) <= 2


async def test_a_waiting_and_a_running_job_can_be_cancelled(box: Box) -> None:
    jobs = [ask_slowly(f"scene {number}", looks=20) for number in range(5)]
    async with box.visited() as app:
        assert app.welcome is not None
        assert app.welcome.slots < len(jobs)
        await app.send(*jobs)
        await app.until(Started, jobs[0].job)
        await app.send(Cancel(jobs[4].job), Cancel(jobs[0].job))
        await app.until(Cancelled, jobs[4].job)
        await app.until(Cancelled, jobs[0].job)
        await app.send(*(Cancel(job.job) for job in jobs[1:4]))
        await app.until(Cancelled, jobs[3].job)
    assert box.records("finished") == []
    assert list(box.place.images.iterdir()) == []


async def test_a_picture_that_is_not_the_one_announced_is_refused(box: Box) -> None:
    other = Submit(JOB.job, JOB.request, ask("", [png(shade=1), png(shade=2)]).images)
    async with box.visited() as app:
        await app.send(other)
        assert (await app.until(Refused, JOB.job)).kind == "request"
        await app.send(JOB)
        await app.done(JOB)


@pytest.mark.parametrize(
    "wrong",
    [
        Submit("f" * 64, JOB.request, JOB.images),
        Submit(JOB.job, JOB.request, JOB.images[:1]),
        Submit(JOB.job, JOB.request, ("no base64 at all", "é")),
    ],
    ids=["id", "too few pictures", "not base64"],
)
async def test_a_job_that_contradicts_itself_is_refused(box: Box, wrong: Submit) -> None:
    async with box.visited() as app:
        await app.send(wrong)
        assert (await app.until(Refused, wrong.job)).kind == "request"
    assert list(box.place.images.iterdir()) == []


async def test_a_picture_that_is_there_for_another_job_need_not_be_sent_again(box: Box) -> None:
    first = ask_slowly("a harbour at dusk")
    other = replace(first.request, prompt="a harbour in rain")
    second = Submit(other.job_id(), other, ("",) * len(first.images))
    async with box.visited() as app:
        await app.send(second)
        assert (await app.until(Refused, second.job)).kind == "pictures"
        await app.send(first, second)
        ends = [await app.until(Finished), await app.until(Finished)]
    assert {end.job for end in ends} == {first.job, second.job}
    assert list(box.place.images.iterdir()) == []


async def test_a_picture_that_cannot_be_read_fails_its_job_alone(box: Box) -> None:
    broken = ask("a harbour at dusk", [png()[:-20]])
    async with box.visited() as app:
        await app.send(broken, JOB)
        failed = await app.until(Failed, broken.job)
        assert failed.kind == "request"
        await app.send(JOB)
        await app.done(JOB)


async def test_a_name_of_a_picture_is_never_taken_for_a_path(box: Box, tmp_path: Path) -> None:
    frame = FrameInfo(str(tmp_path / "elsewhere"), 16, 9, 0)
    request = replace(JOB.request, frames=(frame,))
    async with box.visited() as app:
        await app.send(submit(request, [png()]))
        await app.until(Refused)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "garbage",
    [b"\xff" * 8, b"\0\0\0\2{]", b"\0\0\0\2{}", encode(Pong(1)), encode(Ping(1))],
    ids=["oversize", "no JSON", "no type", "not for the box", "no greeting"],
)
async def test_an_app_that_sends_garbage_is_sent_away_and_nobody_else(
    box: Box, garbage: bytes
) -> None:
    async with box.visited() as good:
        async with box.attached() as bad:
            await bad.send_bytes(garbage)
            await bad.sent_away("protocol")
        await good.send(Ping(3))
        assert (await good.until(Pong)).number == 3


async def test_garbage_after_the_greeting_is_answered_before_the_box_hangs_up(box: Box) -> None:
    async with box.visited() as app:
        await app.send_bytes(encode(Pong(1)))
        await app.sent_away("protocol")


async def test_an_app_of_another_age_is_told_so(box: Box) -> None:
    async with box.attached() as app:
        await app.send(replace(box.hello(), oldest=900, newest=901))
        assert "900" in (await app.sent_away("protocol")).message


async def test_an_app_that_goes_before_it_greets_leaves_no_trace(box: Box) -> None:
    async with box.attached() as app:
        await app.close()
    async with box.visited() as app:
        await app.send(Stop(only_idle=True))
        await app.hung_up()


async def test_an_app_may_stop_the_box_only_when_it_is_idle(box: Box) -> None:
    slow = ask_slowly("a harbour")
    async with box.visited() as app:
        await app.send(slow, Stop(only_idle=True), Ping(1))
        await app.until(Pong)
        await app.send(Stop(only_idle=False))
        with pytest.raises(Gone):
            await app.until(Failed)


def _python310() -> str | None:
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)  # whatever HOME says
    kept = sorted(home.glob(".pyenv/versions/3.10*/bin/python3.10"))
    for candidate in (shutil.which("python3.10"), *map(str, kept)):
        command = [candidate or "", "-c", "import sys; print(sys.version_info[:2])"]
        if candidate and b"(3, 10)" in subprocess.run(command, capture_output=True).stdout:
            return candidate
    return None


async def test_the_runner_works_on_python_3_10(make_box: MakeBox) -> None:
    python = _python310()
    if python is None:
        pytest.skip("there is no python3.10 on PATH nor in ~/.pyenv")
    box = make_box(python=python)
    slow = ask_slowly("a harbour", looks=20)
    async with box.visited() as one, box.visited() as two:
        await one.send(JOB, slow)
        await two.done(JOB)
        await one.send(Cancel(slow.job))
        await two.until(Cancelled, slow.job)
        await one.send_bytes(b"\xff" * 8)
        await one.sent_away("protocol")
        await two.send(Stop(only_idle=False))
        await two.hung_up()
