"""How the queue page and the upsample dialog look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from backend.box.asker import UnattendedAsker
from backend.dispatch.runs.runner import QueueRunner
from backend.specs.model import Spec
from backend.store import State, Store
from remote.protocol import Answer
from tests.support.pilots import until, until_screen
from tests.support.queued_jobs import REQUEST, new_job
from tests.tui import made_up_jobs
from tests.tui.conftest import opened_queue
from tests.tui.looks import MEDIUM, Look
from tui.app import UpsampleApp
from tui.queue.job_list import QueuePane
from tui.send.dialog import UpsampleDialog
from tui.specs.screen import SpecsScreen

MakeApp = Callable[..., UpsampleApp]
Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]
SnapCompare = Callable[..., bool]
Scene = Callable[[UpsampleApp], None]


@pytest.fixture(autouse=True)
def a_time_of_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """At which the app itself has something to say."""
    monkeypatch.setattr("tui.log.recorder.time", lambda: 1_790_000_000.0)


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the terminal is in which the tests run."""
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "queue.db")) as store:
        yield store


def on_queue_page(
    scene: Scene, settle: Settle, *keys: str, theme: str = "textual-dark"
) -> Callable[[Pilot[None]], Awaitable[None]]:
    async def run(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, UpsampleApp)
        app.theme = theme
        await settle(pilot)
        scene(app)
        page = await opened_queue(pilot)
        await pilot.press(*keys)
        await until(pilot, lambda: page.live_view._job is page.jobs.current)

    return run


def nothing(app: UpsampleApp) -> None:
    """An empty queue."""


def test_queue(look: Look, snap_compare: SnapCompare, make_app: MakeApp, settle: Settle) -> None:
    run = on_queue_page(made_up_jobs.running, settle, theme=look.theme)
    assert snap_compare(make_app(), terminal_size=look.size, run_before=run)


@pytest.mark.parametrize(
    "scene",
    [made_up_jobs.loading, made_up_jobs.unreachable, nothing],
    ids=lambda scene: scene.__name__,
)
def test_queue_when_it_is(
    scene: Scene, snap_compare: SnapCompare, make_app: MakeApp, settle: Settle
) -> None:
    run = on_queue_page(scene, settle)
    assert snap_compare(make_app(), terminal_size=MEDIUM, run_before=run)


def test_a_failed_job(snap_compare: SnapCompare, make_app: MakeApp, settle: Settle) -> None:
    run = on_queue_page(made_up_jobs.running, settle, "j", "j")
    assert snap_compare(make_app(), terminal_size=MEDIUM, run_before=run)


@pytest.mark.parametrize(
    "size",
    [MEDIUM, pytest.param((200, 50), marks=pytest.mark.looks)],
    ids=("below", "beside"),
)
def test_specs_with_the_queue(
    size: tuple[int, int],
    snap_compare: SnapCompare,
    make_app: MakeApp,
    settle: Settle,
    street: tuple[Spec, ...],
) -> None:
    async def run(pilot: Pilot[None]) -> None:
        assert isinstance(pilot.app, UpsampleApp)
        screen = await settle(pilot)
        made_up_jobs.running(pilot.app)
        await until(pilot, lambda: screen.query(QueuePane).first().has_class("-going"))

    assert snap_compare(make_app(street), terminal_size=size, run_before=run)


def test_dialog(
    look: Look,
    snap_compare: SnapCompare,
    make_app: MakeApp,
    settle: Settle,
    street: tuple[Spec, ...],
    store: Store,
) -> None:
    answer = Answer("text", "stop", "sketch 1", None, None, "", "", 1, 100.0, 104.1)
    (earlier,) = store.queue([new_job()])
    identity = store.set_request(earlier.number, replace(REQUEST, model=""), 9)
    store.keep_answer(identity, "local", answer)
    store.set_state(earlier.number, State.DONE)
    store.forget([earlier.number])

    async def run(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, UpsampleApp)
        app.theme = look.theme
        await settle(pilot)
        app.store = store
        app.runner = QueueRunner(store, lambda: app.settings, UnattendedAsker(), app.hear)
        await pilot.press("a", "u")
        dialog = await until_screen(pilot, UpsampleDialog)
        await until(pilot, lambda: dialog.summary is not None)

    assert snap_compare(make_app(street), terminal_size=look.size, run_before=run)
