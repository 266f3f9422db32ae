"""A prompt is typed in the app: its tokens are counted meanwhile, and it is written where it belongs."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import send2trash
from textual.pilot import Pilot
from textual.widgets import Input, Static, TextArea

from backend.config import check_layers
from backend.specs.scan import scan_files
from tests.support.pilots import until, until_screen
from tests.tui.conftest import SizePlanner
from tui.app import UpsampleApp
from tui.compose.prompt_dialog import EditPromptDialog, NewSpecDialog
from tui.compose.rename_dialog import RenameDialog
from tui.shell.desk import Desk
from tui.specs.scanning import SpecSource
from tui.specs.screen import SpecsScreen

Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]
SnapCompare = Callable[..., bool]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "car.json"
    file.write_text(
        '{"name": "car", "prompt": "a red car", "video_path": "640x480.mp4", "edge": {}}'
    )
    return file


@pytest.fixture
def app(file: Path, planner: SizePlanner) -> UpsampleApp:
    folder = file.parent
    settings = check_layers([])
    source = SpecSource((Path(),), folder, lambda: scan_files([Path()], folder))
    return UpsampleApp(Desk(settings, lambda: settings, source, lambda _: planner, queue=None))


def text_in(file: Path) -> str:
    return file.read_text()


def is_there(file: Path) -> bool:
    return file.exists()


def put(file: Path, text: str) -> None:
    file.write_text(text)


def last_note(app: UpsampleApp) -> str:
    return ([note.message for note in app._notifications] or [""])[-1]


async def counted(pilot: Pilot[None], dialog: EditPromptDialog | NewSpecDialog, words: int) -> str:
    """What stands below the prompt once it is counted with so many words."""
    await until(
        pilot,
        lambda: (
            dialog.plan is not None
            and dialog.plan.budget is not None
            and dialog.plan.budget.text == words
        ),
        f"{words} words are counted",
    )
    await pilot.pause()
    return str(dialog.query_one("#tokens", Static).render())


async def test_the_tokens_move_while_a_prompt_is_edited_in_its_place(
    app: UpsampleApp, settle: Settle, file: Path
) -> None:
    before = text_in(file)
    async with app.run_test(size=(100, 40)) as pilot:
        await settle(pilot)
        await pilot.press("p")
        dialog = await until_screen(pilot, EditPromptDialog)
        three = await counted(pilot, dialog, 3)
        await pilot.press(*" at night")
        five = await counted(pilot, dialog, 5)
        assert three.splitlines()[0] != five.splitlines()[0]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SpecsScreen), "it is written")
        assert json.loads(text_in(file))["prompt"] == "a red car at night"
        assert last_note(app) == "car.json is written; Z undoes it"
        await pilot.press("Z")
        await until(pilot, lambda: text_in(file) == before, "it is as it was")


async def test_what_cannot_be_written_is_told_and_what_is_typed_stays(
    app: UpsampleApp, settle: Settle, file: Path
) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await settle(pilot)
        await pilot.press("p")
        dialog = await until_screen(pilot, EditPromptDialog)
        put(file, '{"prompt": "theirs", "video_path": "x.mp4"}')
        await pilot.press("!", "ctrl+s")
        await until(
            pilot, lambda: "changed meanwhile" in str(dialog.query_one("#trouble", Static).render())
        )
        assert dialog.query_one(TextArea).text == "a red car!"
        await pilot.press("escape")
        assert "theirs" in text_in(file)


async def test_a_new_spec_is_written_and_a_spec_is_copied(
    app: UpsampleApp, settle: Settle, file: Path, tmp_path: Path
) -> None:
    put(tmp_path / "v.mp4", "")
    async with app.run_test(size=(100, 40)) as pilot:
        await settle(pilot)
        await pilot.press("N")
        dialog = await until_screen(pilot, NewSpecDialog)
        await pilot.press(*"fog at sea")
        dialog.query_one("#video", Input).value = "v.mp4"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SpecsScreen), "it is written")
        made = json.loads(text_in(tmp_path / "fog-at-sea.json"))
        assert (made["prompt"], made["video_path"]) == ("fog at sea", "v.mp4")
        await pilot.press("D")
        await until(pilot, lambda: (tmp_path / "car-2.json").exists(), "it is copied")
        await until(pilot, lambda: "car-2.json is written" in last_note(app))
        for gone in ("car-2.json", "fog-at-sea.json"):
            await pilot.press("Z")
            await until(pilot, lambda name=gone: not (tmp_path / name).exists(), "it is undone")  # type: ignore[misc]
        assert text_in(file)


def test_the_dialogs_look(snap_compare: SnapCompare, app: UpsampleApp, settle: Settle) -> None:
    async def show(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("p")
        await counted(pilot, await until_screen(pilot, EditPromptDialog), 3)

    assert snap_compare(app, terminal_size=(80, 24), run_before=show)


@pytest.mark.looks
def test_a_new_spec_looks(snap_compare: SnapCompare, app: UpsampleApp, settle: Settle) -> None:
    async def show(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("N", *"fog at sea")
        await counted(pilot, await until_screen(pilot, NewSpecDialog), 3)

    assert snap_compare(app, terminal_size=(80, 24), run_before=show)


async def test_a_file_is_renamed_and_moved_to_the_bin_and_both_are_undone(
    app: UpsampleApp, settle: Settle, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send2trash, "send2trash", os.remove)
    async with app.run_test(size=(100, 40)) as pilot:
        await settle(pilot)
        await pilot.press("R", "end", *"s/", "enter")
        dialog = await until_screen(pilot, RenameDialog)
        await until(
            pilot, lambda: "no folders" in str(dialog.query_one("#trouble", Static).render())
        )
        await pilot.press("backspace", "enter")
        await until(pilot, lambda: last_note(app) == "Its name is cars.json now; Z undoes it")
        await pilot.press("Z")
        await until(pilot, lambda: last_note(app) == "Its name is car.json again")
        assert text_in(file)
        await pilot.press("X", "n")
        assert text_in(file)
        await pilot.press("X", "y")
        await until(pilot, lambda: not is_there(file), "it is in the bin")
        await until(pilot, lambda: last_note(app) == "1 file moved to the bin; Z undoes it")
        await pilot.press("Z")
        await until(pilot, lambda: is_there(file), "it is brought back")
