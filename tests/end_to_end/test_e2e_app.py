"""The app as a user drives it: mark, upsample, watch, quit and come back; on the real embedded box."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from backend.config import load_settings
from backend.planning.plan import Planner
from backend.results.sidecars import sidecar_path
from backend.store import State, Store
from backend.tokens import TextCounter
from tests.support.daemons import end_daemons
from tests.support.pilots import until
from tests.support.specs import write_batch
from tui.app import UpsampleApp
from tui.send.dialog import UpsampleDialog
from tui.shell.desk import Desk
from tui.specs.scanning import SpecSource
from tui.specs.screen import SpecsScreen

OpenApp = Callable[..., UpsampleApp]


@pytest.fixture
def open_app(tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenApp]:
    """Makes the app on a folder, with the user's real settings and queue, as `upsample FOLDER` does."""
    config = own_home / ".config" / "upsample" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[box_defaults]\nidle_timeout = 2\nroot = "{tmp_path}/box"\n')
    monkeypatch.chdir(tmp_path)
    counter = TextCounter()

    def make(folder: Path) -> UpsampleApp:
        desk = Desk(
            settings=load_settings(),
            reload=load_settings,
            source=SpecSource.on_disk([folder], tmp_path),
            make_planner=lambda settings: Planner(settings.upsampling, counter),
            queue=tmp_path / "queue.db",
        )
        return UpsampleApp(desk)

    yield make
    end_daemons(tmp_path)


async def weighed(pilot: Pilot[None], count: int) -> UpsampleApp:
    """The app once its specs are listed and its queue is open."""
    app = pilot.app
    assert isinstance(app, UpsampleApp)
    screen = app.screen
    assert isinstance(screen, SpecsScreen)
    await until(pilot, lambda: screen.listing.weighed == count and app.runner is not None)
    return app


async def send(pilot: Pilot[None], *keys: str) -> None:
    """Open the dialog on what is marked, press keys, and send."""
    await pilot.press("u")
    dialog = pilot.app.screen
    assert isinstance(dialog, UpsampleDialog)
    await pilot.press(*keys)
    await until(pilot, lambda: dialog.summary is not None)
    await pilot.press("enter")


def states(folder: Path) -> list[State]:
    store = Store(folder / "queue.db")
    try:
        return [job.state for job in store.jobs()]
    finally:
        store.close()


async def test_marked_specs_are_upsampled_and_their_files_written(
    open_app: OpenApp, tmp_path: Path, small_clips: list[Path]
) -> None:
    specs = write_batch(tmp_path / "specs", small_clips, 3)
    async with open_app(tmp_path / "specs").run_test(size=(120, 40)) as pilot:
        app = await weighed(pilot, 3)
        await pilot.press("space", "space")
        await send(pilot)
        await until(pilot, lambda: len(app.live.jobs) == 2)
        await until(pilot, lambda: all(j.state is State.DONE for j in app.live.jobs.values()))
        await until(pilot, lambda: len(list((tmp_path / "outputs").glob("spec0?.json"))) == 2)
        assert isinstance(app.screen, SpecsScreen)
        assert app.screen.listing.marked == set()
        screen = app.screen

        def done() -> list[bool]:
            return ["✓ done" in screen.spec_list.render_line(y).text for y in range(3)]

        # Which of the two is done first is up to the box.
        await until(pilot, lambda: done() == [True, True, False])

    for spec in specs[:2]:
        written = json.loads((tmp_path / "outputs" / spec.name).read_text())
        before = json.loads(spec.read_text())
        assert len(written["prompt"]) > len(before["prompt"])
        assert written["input_video_path"] == before["input_video_path"]
        assert sidecar_path(tmp_path / "outputs" / spec.name).is_file()


async def test_what_was_left_is_taken_up_when_the_app_is_opened_again(
    open_app: OpenApp, tmp_path: Path, small_clips: list[Path]
) -> None:
    write_batch(tmp_path / "specs", small_clips, 2)
    async with open_app(tmp_path / "specs").run_test(size=(120, 40)) as pilot:
        app = await weighed(pilot, 2)
        assert app.runner is not None
        app.runner.stop_sending()
        await pilot.press("a")
        # Two candidates of each.
        await send(pilot, "tab", "backspace", "2")
        await until(pilot, lambda: len(app.live.jobs) == 4)
        await pilot.press("q")
        await pilot.pause()
    assert set(states(tmp_path)) <= {State.QUEUED, State.PREPARING}

    async with open_app(tmp_path / "specs").run_test(size=(120, 40)) as pilot:
        app = await weighed(pilot, 2)
        await until(pilot, lambda: len(app.live.jobs) == 4)
        await until(pilot, lambda: all(j.state is State.DONE for j in app.live.jobs.values()))
        await until(pilot, lambda: len(list((tmp_path / "outputs").glob("spec0?-?.json"))) == 4)
    assert states(tmp_path) == [State.DONE] * 4
