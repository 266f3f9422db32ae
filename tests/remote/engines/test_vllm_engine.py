"""The engine over a server of its own; the server is a stand-in, its processes are real."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remote.engines import Completion, EngineError, Piece
from remote.engines.openai import Limits
from remote.engines.vllm import VllmEngine, engine, installation, process
from remote.engines.vllm.history import read_last_start, start_file
from remote.jobs.board import Board, Stand
from remote.jobs.journal import Journal
from remote.jobs.pictures import Pictures
from remote.jobs.slots import Work
from remote.paths import DaemonPaths, make_place
from remote.protocol import EngineStage, FromBox, Started, VllmSetup
from tests.remote.attached import submit
from tests.remote.engines import vllm_stand_in
from tests.remote.engines.openai_asking import MODEL, pieces_of, request
from tests.remote.engines.test_vllm_process import is_alive
from tests.support.waiting import until

ANSWER = ["Dusk", ".", Completion("stop", 9, 2)]


class Bench:
    """Engines, one after the other, on one box, and what their servers noted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place: DaemonPaths = make_place(str(folder / "root"), folder / "run")
        self.stages: list[str] = []
        self.setup = VllmSetup(
            command=(sys.executable, vllm_stand_in.__file__),
            format="auto",
            max_model_len=4096,
            max_num_seqs=4,
            images=2,
            tensor_parallel_size=1,
            gpu_memory_utilization=0.9,
            cuda_visible_devices="1,3",
            env=(f"{vllm_stand_in.FOLDER}={folder}", "HF_HOME=/data/hf=x"),
        )

    def order(self, **orders: object) -> None:
        """What the server is to do from now on."""
        file = self.folder / "orders.new"
        file.write_text(json.dumps(orders))
        file.replace(self.folder / "orders")

    def engine(self, idle_timeout: float = 60.0, silence: float = 30.0) -> VllmEngine:
        limits = Limits(connect=10.0, first=silence, between=silence, question=1.0)
        return VllmEngine(self.setup, MODEL, idle_timeout, self.place, self.hear, limits)

    def hear(self, stage: EngineStage) -> None:
        self.stages.append(stage.stage)

    @property
    def starts(self) -> list[dict[str, Any]]:
        """What each server that was started noted, in order."""
        return [json.loads(file.read_text()) for file in sorted(self.folder.glob("start-*"))]

    @property
    def alive(self) -> list[int]:
        pids = [start[which] for start in self.starts for which in ("pid", "child")]
        return [pid for pid in pids if is_alive(pid)]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(engine, "_STEP", 0.02)
    monkeypatch.setattr(process, "_TERM_SECONDS", 0.06)
    monkeypatch.setattr(process, "_ORPHANS_SECONDS", 0.06)
    monkeypatch.setattr(process, "_STEP", 0.02)
    monkeypatch.setattr(engine, "find_version", _unknown_version)
    made = Bench(tmp_path)
    yield made
    for pid in made.alive:  # of a test that failed
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def _unknown_version(_command: Sequence[str]) -> None:
    """As for any stand-in; finding that out takes a while."""


@contextlib.asynccontextmanager
async def closing(made: VllmEngine) -> AsyncIterator[VllmEngine]:
    try:
        yield made
    finally:
        await made.close()


async def failure_of(made: VllmEngine) -> str:
    with pytest.raises(EngineError) as caught:
        await pieces_of(made)
    return str(caught.value)


async def begun(made: VllmEngine) -> asyncio.Task[None]:
    """A request that the server is answering: its first piece has come."""
    pieces: list[Piece] = []

    async def collect() -> None:
        async for piece in made.generate(request(), ()):
            pieces.append(piece)

    asking = asyncio.create_task(collect())
    await until(lambda: pieces or asking.done())
    return asking


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


# --- trouble ---------------------------------------------------------------------------------------


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
        work = Work(board, Pictures(bench.place.images, []), bench.engine(), "", hear)
        for job in jobs:
            await work.submit(job)
        working = asyncio.create_task(work.run())
        await until(lambda: not board.unfinished)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        assert {board.stand(job.job) for job in jobs} == {Stand.FINISHED}
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


# --- what it is started with -----------------------------------------------------------------------


async def test_its_environment_is_set_before_it_starts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "TORCHELASTIC_RUN_ID"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("VLLM_API_KEY", "somebody's")
    monkeypatch.setenv("VLLM_WORKER_MULTIPROC_METHOD", "fork")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("KEPT", "as it is")
    async with closing(bench.engine()) as made:
        await pieces_of(made)
    found = bench.starts[0]["environment"]
    assert not {"RANK", "WORLD_SIZE", "MASTER_ADDR", "TORCHELASTIC_RUN_ID"} & found.keys()
    assert found["VLLM_WORKER_MULTIPROC_METHOD"] == "spawn"
    assert found["CUDA_VISIBLE_DEVICES"] == "1,3"
    assert found["HF_HOME"] == "/data/hf=x"
    assert found["KEPT"] == "as it is"


async def test_homes_in_the_command_and_the_model_are_the_boxs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(bench.folder))
    (bench.folder / "python").symlink_to(sys.executable)
    bench.setup = replace(bench.setup, command=("~/python", vllm_stand_in.__file__))
    asked = replace(request(), model="~/models/pixtral")
    limits = Limits(connect=10.0, first=30.0, between=30.0, question=1.0)
    engine_ = VllmEngine(bench.setup, asked.model, 60.0, bench.place, bench.hear, limits)
    async with closing(engine_) as made:
        assert await pieces_of(made, asked) == ANSWER
    arguments = bench.starts[0]["arguments"]
    assert arguments[:2] == ["--model", f"{bench.folder}/models/pixtral"]
    assert arguments[arguments.index("--served-model-name") + 1] == "~/models/pixtral"


async def test_no_visible_devices_leave_those_of_the_box(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    bench.setup = replace(bench.setup, cuda_visible_devices="")
    async with closing(bench.engine()) as made:
        await pieces_of(made)
    assert bench.starts[0]["environment"]["CUDA_VISIBLE_DEVICES"] == "0"


async def test_each_server_has_a_key_of_its_own_that_nobody_else_sees(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for _ in range(2):
        async with closing(bench.engine()) as made:
            await pieces_of(made)  # the stand-in wants the key
    keys = [start["environment"]["VLLM_API_KEY"] for start in bench.starts]
    assert len(set(keys)) == 2
    for key, start in zip(keys, bench.starts, strict=True):
        assert len(key) >= 24
        assert not any(key in argument for argument in start["arguments"])
        assert key not in caplog.text


async def test_its_log_is_ours_but_for_the_requests_that_went_well(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vllm")
    async with closing(bench.engine()) as made:
        await pieces_of(made)
    assert all(line in caplog.messages for line in vllm_stand_in.LOG)
    assert "/health" not in caplog.text


async def test_a_version_without_unix_sockets_listens_on_loopback(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = bench.folder / "packages" / "vllm-0.8.1.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.8.1\n")
    monkeypatch.setenv("PYTHONPATH", str(metadata.parent.parent))
    monkeypatch.setattr(engine, "find_version", installation.find_version)
    async with closing(bench.engine()) as made:
        assert made.name == "vllm"
        assert await pieces_of(made) == ANSWER
        assert made.name == "vllm 0.8.1"
    arguments = bench.starts[0]["arguments"]
    assert arguments[arguments.index("--host") + 1] == "127.0.0.1"
    assert "--uds" not in arguments


async def test_a_stale_socket_does_not_keep_it_from_starting(bench: Bench) -> None:
    socket = bench.place.run / f"{bench.place.key}.vllm"
    socket.touch()
    async with closing(bench.engine()) as made:
        assert await pieces_of(made) == ANSWER


async def test_a_server_that_a_killed_daemon_left_is_swept_first(bench: Bench) -> None:
    killed = bench.engine()
    await pieces_of(killed)
    assert len(bench.alive) == 2
    async with closing(bench.engine()) as made:
        assert await pieces_of(made) == ANSWER
        assert set(bench.alive) == {bench.starts[1]["pid"], bench.starts[1]["child"]}
    await killed.close()


async def test_the_socket_that_a_killed_daemon_left_goes_even_when_nothing_is_asked(
    bench: Bench,
) -> None:
    killed = bench.engine()
    await pieces_of(killed)
    left = bench.place.run / f"{bench.place.key}.vllm"
    assert left.exists()
    await bench.engine().close()
    assert bench.alive == []
    assert not left.exists()
    await killed.close()


async def test_how_long_a_start_took_is_remembered(bench: Bench) -> None:
    file = start_file(bench.place)
    async with closing(bench.engine()) as made:
        assert read_last_start(file) is None
        await pieces_of(made)
    last = read_last_start(file)
    assert last is not None
    assert last.seconds > 0
    assert (last.model, last.engine) == (MODEL, "vllm")
