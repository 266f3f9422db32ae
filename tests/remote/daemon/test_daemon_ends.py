"""However a daemon ends, and whatever its vLLM is doing then, no process of that vLLM outlives it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from remote.daemon import daemon as module
from remote.daemon.daemon import Daemon
from remote.jobs.slots import Scheduler
from remote.paths import make_daemon_paths
from remote.protocol import (
    Cancel,
    Cancelled,
    Delta,
    Setup,
    Started,
    Stop,
)
from tests.remote.attached import App, Box, ask, submit
from tests.remote.conftest import MakeBox
from tests.remote.engines import vllm_stand_in
from tests.remote.engines.vllm_bench import stand_in_setup
from tests.support.near_box import PatientEngine
from tests.support.waiting import until

JOB = submit(replace(ask("a harbour at dusk").request, model="m"))

LOADING = {"start_seconds": 600}
"""The server is loading its model."""
ANSWERING = {"request": "hang"}
"""The server is answering, and stops in the middle."""
CRASHED = {"start": "crash"}
"""The server has crashed as it started; its child is still there."""

End = Callable[[Box, App], Awaitable[None]]


@pytest.fixture
def vllm_box(make_box: MakeBox, tmp_path: Path) -> Iterator[Box]:
    """A box whose vLLM is a stand-in, with an EngineCore that ignores SIGTERM."""
    setup = stand_in_setup(tmp_path)
    yield make_box().with_setup(engine="vllm", model="m", vllm=setup, idle_timeout=60)
    vllm_stand_in.end_servers(tmp_path)


def _order(folder: Path, orders: Mapping[str, object]) -> None:
    (folder / "orders").write_text(json.dumps(orders))


async def _begin(box: Box, app: App, folder: Path, orders: Mapping[str, object]) -> None:
    """Return when the server does what it is ordered."""
    _order(folder, orders)
    await app.send(JOB)
    await app.until(Started, JOB.job)
    if orders is ANSWERING:
        await app.until(Delta, JOB.job)
    elif orders is CRASHED:
        await until(lambda: "OutOfMemoryError" in box.place.log.read_text())
    else:
        await until(lambda: list(folder.glob("start-*")))


async def _gone(box: Box) -> None:
    await until(lambda: not box.daemons(), 30)


def _by_signal(number: int) -> End:
    async def end(box: Box, _app: App) -> None:
        os.kill(box.daemon(), number)

    return end


async def _stop(_box: Box, app: App) -> None:
    await app.send(Stop(only_idle=False))
    await app.hung_up()


async def _stop_and_terminate(box: Box, app: App) -> None:
    daemon = box.daemon()
    await app.send(Stop(only_idle=False))
    await until(lambda: not box.place.socket.exists())
    os.kill(daemon, signal.SIGTERM)
    await app.hung_up()


async def _take_the_socket(box: Box, _app: App) -> None:
    box.place.socket.unlink()


async def _take_the_journal(box: Box, _app: App) -> None:
    shutil.rmtree(box.setup.root)


async def _spoil_the_journal(box: Box, _app: App) -> None:
    with box.place.journal.open("ab") as file:
        file.write(b"not a record")


async def _kill_and_stop_the_next(box: Box, app: App) -> None:
    """The next one has nothing to do with vLLM but what the killed one has left."""
    os.kill(box.daemon(), signal.SIGKILL)
    await app.hung_up()
    async with box.attached() as other:
        await other.send(box.hello(), Stop(only_idle=False))
        await other.hung_up()


async def _kill_and_change_the_engine(box: Box, app: App) -> None:
    os.kill(box.daemon(), signal.SIGKILL)
    await app.hung_up()
    async with box.with_setup(engine="sketch", vllm=None).visited() as other:
        await other.send(Stop(only_idle=False))
        await other.hung_up()


async def _kill_the_relay_and_terminate(box: Box, app: App) -> None:
    app.process.kill()
    os.kill(box.daemon(), signal.SIGTERM)


ENDS: dict[str, End] = {
    "SIGTERM": _by_signal(signal.SIGTERM),
    "SIGINT": _by_signal(signal.SIGINT),
    "SIGHUP": _by_signal(signal.SIGHUP),
    "an app stops it": _stop,
    "an app stops it, then SIGTERM": _stop_and_terminate,
    "its socket is removed": _take_the_socket,
    "its journal is removed": _take_the_journal,
    "its journal is written by somebody else": _spoil_the_journal,
    "SIGKILL, and the next one is stopped": _kill_and_stop_the_next,
    "SIGKILL, and the next one has another engine": _kill_and_change_the_engine,
    "the app's connection is lost, then SIGTERM": _kill_the_relay_and_terminate,
}


@pytest.mark.parametrize("orders", [LOADING, ANSWERING], ids=["loading", "answering"])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
async def test_no_process_of_vllm_outlives_the_end(
    vllm_box: Box, tmp_path: Path, end: End, orders: Mapping[str, object]
) -> None:
    async with vllm_box.visited() as app:
        await _begin(vllm_box, app, tmp_path, orders)
        await end(vllm_box, app)
        await _gone(vllm_box)
        assert vllm_stand_in.running_servers(tmp_path) == []


@pytest.mark.parametrize("end", [_stop, _by_signal(signal.SIGTERM)], ids=["stop", "SIGTERM"])
async def test_no_child_of_a_vllm_that_crashed_outlives_the_end(
    vllm_box: Box, tmp_path: Path, end: End
) -> None:
    """The daemon ends while it is ending what the crash has left."""
    async with vllm_box.visited() as app:
        await _begin(vllm_box, app, tmp_path, CRASHED)
        await end(vllm_box, app)
        await _gone(vllm_box)
    assert vllm_stand_in.running_servers(tmp_path) == []


async def test_nothing_is_left_when_an_app_hears_that_its_stop_is_done(
    vllm_box: Box, tmp_path: Path
) -> None:
    async with vllm_box.visited() as app:
        await _begin(vllm_box, app, tmp_path, LOADING)
        await app.send(Cancel(JOB.job))
        await app.until(Cancelled, JOB.job)
        await app.send(Stop(only_idle=False))
        await app.hung_up()
        assert vllm_stand_in.running_servers(tmp_path) == []


async def test_an_idle_daemon_takes_its_vllm_with_it(vllm_box: Box, tmp_path: Path) -> None:
    brief = vllm_box.with_setup(idle_timeout=1)
    async with brief.visited() as app:
        await _begin(brief, app, tmp_path, LOADING)
        await app.send(Cancel(JOB.job))
        await app.until(Cancelled, JOB.job)
    await _gone(brief)
    assert vllm_stand_in.running_servers(tmp_path) == []


async def test_a_daemon_that_makes_room_for_another_takes_its_vllm_with_it(
    vllm_box: Box, tmp_path: Path
) -> None:
    async with vllm_box.visited() as app:
        await _begin(vllm_box, app, tmp_path, LOADING)
        await app.send(Cancel(JOB.job))
        await app.until(Cancelled, JOB.job)
    changed = vllm_box.with_setup(idle_timeout=61)
    async with changed.attached() as app:
        await app.send(changed.hello())
        await app.sent_away("replaced")
    async with changed.visited():
        assert vllm_stand_in.running_servers(tmp_path) == []


# --- what goes wrong inside ------------------------------------------------------------------------


class ClosedEngine(PatientEngine):
    """Remembers how often it was closed, which takes it a moment."""

    closed = 0

    async def close(self) -> None:
        await asyncio.sleep(0.1)
        self.closed += 1


async def _break(_scheduler: Scheduler) -> None:
    raise RuntimeError("made up")


async def _break_off(_scheduler: Scheduler) -> None:
    """As if a second cancel had come before the engine was closed."""
    await asyncio.Event().wait()


@pytest.mark.parametrize("scheduling", [_break, _break_off])
async def test_the_engine_is_closed_though_the_scheduler_did_not_get_to_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scheduling: Callable[[Scheduler], Awaitable[None]],
) -> None:
    engine = ClosedEngine(1)
    monkeypatch.setattr(module, "make_engine", lambda *_: engine)
    monkeypatch.setattr(module, "_TICK", 0.01)
    monkeypatch.setattr(Scheduler, "run", scheduling)
    paths = make_daemon_paths(str(tmp_path / "root"), tmp_path / "run")
    daemon = Daemon(paths, Setup(str(tmp_path / "root"), "sketch", "", 0.1), "runner")
    await asyncio.gather(daemon.run(lambda: None), return_exceptions=True)
    assert engine.closed == 1
