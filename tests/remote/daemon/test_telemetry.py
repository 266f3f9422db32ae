"""What attached apps hear of how the box does, from the real daemon.

nvidia-smi and the vLLM server are stand-ins: there is no GPU here, and a real one floods no log on demand.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from remote.protocol import (
    AWAY,
    Delta,
    EngineLoad,
    EngineStage,
    Hello,
    Log,
    OpenAISetup,
    Ping,
    Pong,
    Started,
    Status,
    Stop,
    Welcome,
)
from tests.remote.attached import BOUND, App, Box, ask, ask_slowly, submit
from tests.remote.conftest import MakeBox
from tests.remote.daemon.test_gpus import BUSY, IDLE
from tests.remote.engines import vllm_stand_in
from tests.remote.engines.openai_stand_in import DONE, Visit, delta, standing_in, streamed
from tests.remote.engines.vllm_bench import stand_in_setup
from tests.support.nvidia_smi import H100, IDLE_H100, FakeSmi
from tests.support.sshd import free_port

FLOOD = 20_000
METRICS = 'vllm:num_requests_running{model_name="m"} 3.0\nvllm:kv_cache_usage_perc 0.25\n'


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSmi:
    """Set before a box is attached to: the daemon inherits PATH."""
    made = FakeSmi(tmp_path / "bin")
    made.prints(H100, IDLE_H100)
    monkeypatch.setenv("PATH", f"{made.folder}:{os.environ['PATH']}")
    return made


@pytest.fixture
def vllm_box(make_box: MakeBox, tmp_path: Path) -> Iterator[Box]:
    """A box whose engine is vllm, over the stand-in."""
    vllm = stand_in_setup(tmp_path, "1")
    box = make_box()
    yield replace(box, setup=replace(box.setup, engine="vllm", model="m", vllm=vllm))
    # A daemon that is killed leaves its server to the next one, and here none follows.
    box.kill()
    vllm_stand_in.end_servers(tmp_path)


async def hear(app: App, **values: object) -> Status:
    """The next status with these values."""
    heard: list[Status] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(BOUND):
            while True:
                heard.append(status := await app.until(Status))
                if all(getattr(status, name) == value for name, value in values.items()):
                    return status
    pytest.fail(f"no status had {values}: {heard[-3:]}")


async def test_an_app_is_told_how_the_box_does_and_again_while_it_stays(
    box: Box, smi: FakeSmi
) -> None:
    async with box.visited() as app:
        first = await app.until(Status)
        assert (first.stage, first.jobs_waiting, first.jobs_running) == ("ready", 0, 0)
        assert first.gpus == (BUSY, IDLE)
        assert first.load == EngineLoad(running=0, waiting=0)
        smi.prints(IDLE_H100)
        second = await hear(app, gpus=(IDLE,))
        assert second.time > first.time


async def test_an_app_that_comes_later_is_told_too(box: Box, smi: FakeSmi) -> None:
    async with box.visited() as one:
        await one.until(Status)
        async with box.visited() as two:
            assert (await two.until(Status)).gpus == (BUSY, IDLE)


async def test_jobs_are_counted_as_they_wait_and_run(box: Box) -> None:
    jobs = [ask_slowly(f"scene {number}", looks=20) for number in range(6)]
    async with box.visited() as app:
        await app.send(*jobs)
        load = EngineLoad(running=4, waiting=0)
        await hear(app, jobs_running=4, jobs_waiting=2, load=load)


async def test_a_model_server_that_is_away_is_told_as_a_stage_and_costs_no_job(box: Box) -> None:
    port = free_port()
    server = OpenAISetup(f"http://127.0.0.1:{port}", "", 2)
    away = box.with_setup(engine="openai", model="m", openai=server)
    job = submit(replace(ask("a harbour at dusk").request, model="m"))

    async def answer(visit: Visit) -> None:
        await visit.send(streamed(delta("text", "stop"), DONE))

    async with away.visited() as app:
        await app.send(job)
        told = await app.until(EngineStage)
        assert told.stage.startswith(f"{AWAY}cannot connect to the model server at")
        async with away.visited() as other:
            assert (await other.until(Status)).stage.startswith(AWAY)
        async with standing_in(answer, port=port):
            assert (await app.done(job)).answer.text == "text"
            await hear(app, stage="", jobs_waiting=0)


async def test_nobody_asks_for_the_gpus_while_no_app_is_there(box: Box, smi: FakeSmi) -> None:
    async with box.visited() as app:
        await app.until(Status)
        await app.until(Status)
    calls = len(smi.calls)
    assert calls >= 2
    await asyncio.sleep(4)
    # One look may have been under way when the app went.
    assert len(smi.calls) <= calls + 1
    async with box.visited() as app:
        await app.until(Status)
    assert len(smi.calls) > calls


async def test_an_nvidia_smi_that_hangs_holds_nothing_up(box: Box, smi: FakeSmi) -> None:
    smi.hangs()
    job = ask("a harbour at dusk")
    async with box.visited() as app:
        await asyncio.to_thread(smi.wait_for_calls, 1)
        await app.send(Ping(1), job)
        await app.until(Pong)
        await app.done(job)
        assert not [message for message in app.heard if isinstance(message, Status)]
        assert (await app.until(Status)).gpus == ()
        assert (await app.until(Status)).gpus == ()
        assert len(smi.calls) == 1
        await app.send(Stop(only_idle=False))
        await app.hung_up()


async def test_an_app_of_protocol_1_is_told_nothing_that_it_does_not_know(box: Box) -> None:
    async with box.visited() as new, box.attached() as old:
        await old.send(Hello(1, 1, "", -1, box.hash, box.setup.fingerprint()))
        assert (await old.until(Welcome)).protocol == 1
        await new.until(Status)
        await new.until(Status)
        await old.send(Ping(1))
        await old.until(Pong)
    assert not [message for message in old.heard if isinstance(message, Status)]


async def test_an_onlooker_does_not_keep_a_daemon_from_making_room(box: Box) -> None:
    async with box.attached() as onlooker:
        await onlooker.send(replace(box.hello(), runner="", setup=""))
        await onlooker.until(Welcome)
        async with box.with_setup(idle_timeout=61.0).attached() as app:
            await app.send(box.with_setup(idle_timeout=61.0).hello())
            await app.sent_away("replaced")
        await onlooker.hung_up()


# --- the engine vllm -----------------------------------------------------------------------------


async def test_the_engines_load_and_stage_are_told_and_the_gpus_that_it_may_use(
    vllm_box: Box, smi: FakeSmi, tmp_path: Path
) -> None:
    (tmp_path / "orders").write_text(json.dumps({"metrics": METRICS, "request_seconds": 1}))
    job = ask("a harbour")
    job = submit(replace(job.request, model="m"))
    async with vllm_box.visited() as app:
        before = await app.until(Status)
        assert (before.stage, before.load, before.gpus) == ("not started", None, (IDLE,))
        await app.send(job)
        await app.done(job)
        after = await hear(app, stage="ready")
        assert after.load == EngineLoad(running=3, cache_usage=0.25)


async def test_an_app_that_comes_while_the_engine_starts_is_told_its_stage(
    vllm_box: Box, tmp_path: Path
) -> None:
    (tmp_path / "orders").write_text(json.dumps({"start_seconds": 60}))
    job = submit(replace(ask("a harbour").request, model="m"))
    async with vllm_box.visited() as one:
        await one.send(job)
        while (await one.until(EngineStage)).stage != "capturing graphs":
            pass
        async with vllm_box.visited() as two:
            assert (await two.until(Status)).stage == "capturing graphs"


async def test_a_flood_in_the_log_is_cut_for_apps_and_whole_in_the_file(
    vllm_box: Box, tmp_path: Path
) -> None:
    (tmp_path / "orders").write_text(json.dumps({"flood": FLOOD}))
    job = submit(replace(ask("a harbour").request, model="m"))
    async with vllm_box.visited() as app:
        await app.send(job)
        finished = await app.done(job)
        while not _left_out(app):
            await app.next()
        total = len([line for line in _file(vllm_box) if re.search(r" (INFO|ERROR) vllm ", line)])
        while _left_out(app) + len(_lines(app)) < total:
            await app.next()
        # The box measures itself now and then, however quickly the flood is over.
        while not any(isinstance(message, Status) for message in app.heard):
            await app.next()

    assert [line for line in _file(vllm_box) if "flood" in line][-1].endswith(f"{FLOOD - 1:06d}")
    assert len([line for line in _file(vllm_box) if "INFO flood" in line]) == FLOOD
    assert _left_out(app) + len(_lines(app)) == total
    assert _left_out(app) > 0
    # What is grave came through, and so did everything that is no log.
    assert len([log for log in _lines(app) if log.level == "error"]) == FLOOD // 1000
    mine = [message for message in app.heard if getattr(message, "job", "") == job.job]
    assert len([message for message in mine if isinstance(message, Started)]) == 1
    written = "".join(message.text for message in mine if isinstance(message, Delta))
    assert written == finished.answer.text == "Dusk."
    stages = [message.stage for message in app.heard if isinstance(message, EngineStage)]
    assert stages[-1] == "ready"


def _file(box: Box) -> list[str]:
    """The lines of the whole log."""
    files = sorted(box.place.log.parent.glob("runner.log*"), reverse=True)
    return "".join(file.read_text() for file in files).splitlines()


def _lines(app: App) -> list[Log]:
    return [m for m in app.heard if isinstance(m, Log) and m.source == "vllm"]


def _left_out(app: App) -> int:
    texts = [m.text for m in app.heard if isinstance(m, Log) and m.source == "runner"]
    counts = [re.match(r"\+([\d,]+) lines left out", text) for text in texts]
    return sum(int(count[1].replace(",", "")) for count in counts if count)
